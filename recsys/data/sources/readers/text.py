"""Text files as bytes: what a first look at a whole file finds, and its lines in blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recsys.data.sources.files import SourceFiles
from recsys.data.sources.formats import open_plain

BLANK = re.compile(rb"(?<=\n)\r?\n")
EMPTY = re.compile(rb"^\n", re.MULTILINE)
BLOCK = 1 << 22
HEAD = 1 << 20

LineEnd = Literal["\n", "\r\n", "\r", "mixed"]


@dataclass(frozen=True)
class TextFile:
    """One text file of a source.

    Attributes:
        name: as the user knows it, for messages.
        path: where its UTF-8 text lies.
        files: the source that it belongs to.
    """

    name: str
    path: str
    files: SourceFiles

    def head(self) -> str:
        """The lines of the first mebibyte, without a byte order mark, with plain line ends."""
        with self._open() as stream:
            found = _filled(stream, HEAD + 1)
        text = _plain_ends(found)
        if len(found) > HEAD and b"\n" in text:
            text = text[: text.rindex(b"\n") + 1]
        return text.decode("utf-8-sig", "replace")

    def has_lines(self) -> bool:
        """Whether the first mebibyte has line feeds, or no line ends at all."""
        with self._open() as stream:
            found = _filled(stream, HEAD)
        return b"\n" in found or b"\r" not in found

    def ends_with(self, mark: bytes) -> bool:
        """Whether that stands at the end, but for blanks."""
        end = b""
        for block in self.blocks():
            end = (end + block).rstrip()[-len(mark) :]
        return end == mark

    def look(self, quote: str) -> "Look":
        """Reads the file once, for what the engine would not notice."""
        feeds = returns = pairs = blank = 0
        quoted = False
        mark, last = quote.encode(), b""
        with self._open() as stream:
            for block in iter(lambda: stream.read(BLOCK), b""):
                feeds += block.count(b"\n")
                if b"\n\n" in last + block or b"\n\r\n" in last + block:
                    blank += len(BLANK.findall(last + block))
                if b"\r" in block or last == b"\r":
                    returns += block.count(b"\r")
                    pairs += block.count(b"\r\n") + (last == b"\r" and block.startswith(b"\n"))
                quoted = quoted or (mark != b"" and mark in block)
                last = block[-1:]
        ends = feeds + returns - pairs
        lines = ends + (last not in (b"\n", b"\r", b""))
        return Look(_kind(feeds, returns, pairs), quoted, lines, blank)

    def empty_lines(self) -> Iterator[int]:
        """The numbers of the lines that are empty, from 1."""
        number = 1
        for block in self.blocks():
            at = 0
            for empty in EMPTY.finditer(block):
                number += block.count(b"\n", at, empty.start())
                at = empty.start()
                yield number
            number += block.count(b"\n", at)

    def blocks(self) -> Iterator[bytes]:
        """The text in blocks of whole lines, each line ended by a line feed, without the mark."""
        rest, begun = b"", False
        with self._open() as stream:
            while block := stream.read(BLOCK):
                while block.endswith(b"\r"):  # its line feed may come next
                    more = stream.read(1)
                    block += more
                    if not more:
                        break
                if not begun:
                    block, begun = block.removeprefix(b"\xef\xbb\xbf"), True
                block = rest + _plain_ends(block)
                cut = block.rfind(b"\n") + 1
                rest = block[cut:]
                if cut:
                    yield block[:cut]
        if rest:
            yield rest + b"\n"

    def _open(self) -> Any:
        return open_plain(self.path, self.files.filesystem, self.files.compression)


@dataclass(frozen=True)
class Look:
    """What one pass over a text file finds.

    Attributes:
        line_end: the one that all lines have, or ``mixed``.
        quoted: whether the quote character occurs at all.
        lines: how many there are, blank ones too.
        blank: how many of them are blank, as far as that is seen; never too many.
    """

    line_end: LineEnd
    quoted: bool
    lines: int
    blank: int


def text_files(files: SourceFiles) -> list[TextFile]:
    """The files of a source of text, in their order."""
    pairs = zip(files.names, files.paths, strict=True)
    return [TextFile(name, path, files) for name, path in pairs]


def new_file(files: SourceFiles) -> Path:
    """An unused path in the source's scratch folder."""
    folder = files.scratch / "mended"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{len(list(folder.iterdir()))}.txt"


def _plain_ends(text: bytes) -> bytes:
    if b"\r" not in text:
        return text
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _filled(stream: Any, size: int) -> bytes:
    """Compressed and remote streams give less than is asked for."""
    found = b""
    while len(found) < size and (more := stream.read(size - len(found))):
        found += more
    return found


def _kind(feeds: int, returns: int, pairs: int) -> LineEnd:
    if not returns:
        return "\n"
    if feeds == returns == pairs:
        return "\r\n"
    return "mixed" if feeds else "\r"
