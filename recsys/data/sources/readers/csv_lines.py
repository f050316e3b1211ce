"""A second look at a CSV file whose lines are not all rows: which are, and which are not.

DuckDB's reader stops at the first line that is wrong, or leaves lines out
silently (after a quote that is never closed). Here each line is held against what a
row looks like; patterns match whole stretches of good lines at once.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from recsys.data.sources.readers.dialect import Dialect
from recsys.data.sources.readers.source import BROKEN_QUOTES, CELLS, NOT_UTF8, TOO_LONG

# The most bytes of a row, which the engine must be told; a quoted cell beyond them is taken for
# one that is never closed.
LONGEST = 1 << 24
LETTERS = re.compile(rb"[A-Za-z\x80-\xff]+")
DIGITS = re.compile(rb"[0-9]+")


@dataclass(frozen=True)
class Stretch:
    """A piece of a file.

    Attributes:
        text: whole lines.
        rows: how many rows they are.
        line: the number of the first, from 1.
        reason: why it is not a row; None if all are rows.
    """

    text: bytes
    rows: int
    line: int
    reason: str | None = None


class Grammar:
    """What rows look like.

    A cell begins with a quote (after blanks) or is plain; quotes inside a plain cell are text. A
    delimiter too many at the end of a line is forgiven, as DuckDB does.
    """

    # Whatever is repeated possessively is an atomic group: until Python 3.11.5, such a repeat of
    # what can backtrack matches wrongly (https://github.com/python/cpython/issues/106052).

    def __init__(self, dialect: Dialect, cells: int) -> None:
        self.cells = cells
        self.delimiter = dialect.delimiter.encode()
        d = re.escape(self.delimiter)
        self.quote = dialect.quote.encode()
        q = re.escape(self.quote)
        if not dialect.escape:
            inside, beyond = rb"[^%s\n]" % q, rb"[^%s]" % q
        elif dialect.escape == dialect.quote:
            inside, beyond = rb"(?>[^%s\n]++|%s%s)" % (q, q, q), rb"(?>[^%s]++|%s%s)" % (q, q, q)
        else:
            e = re.escape(dialect.escape.encode())
            inside = rb"(?>[^%s%s\n]++|%s[^\n])" % (q, e, e)
            beyond = rb"(?>[^%s%s]++|%s[\s\S])" % (q, e, e)
        one = len(dialect.delimiter.encode()) == 1
        bare = rb"[^%s\n]*+" % d if one else rb"(?>(?!%s)[^\n])*+" % d
        plain = rb"(?! *%s)%s" % (q, bare) if self.quote else bare
        too_many = rb"(?>%s(?:%s%s)?)*+\n" % (d, q, q)

        def row(cell: bytes, times: bytes) -> bytes:
            return rb"%s(?>%s%s)%s%s" % (cell, d, cell, times, too_many)

        exact = b"{%d}" % (cells - 1)
        line = rb"(?> *%s%s*+%s *|%s)" % (q, inside, q, plain) if self.quote else plain
        long = rb"(?> *%s%s*+%s *|%s)" % (q, beyond, q, plain) if self.quote else plain
        self.bare_lines = re.compile(rb"(?>%s)*+" % row(bare, exact))
        self.lines = re.compile(rb"(?>%s)*+" % row(line, exact))
        self.row = re.compile(row(long, exact))
        self.any_row = re.compile(row(long, b"*+"))
        self.cell = re.compile(line)

    def good_lines(self, text: bytes, at: int) -> int:
        """Where the lines that are rows by themselves end."""
        plain = not self.quote or self.quote not in text
        match = (self.bare_lines if plain else self.lines).match(text, at)
        assert match is not None  # it matches nothing, if need be
        return match.end()

    def swallowed(self, record: bytes) -> bool:
        """Whether a quote that is never closed makes one row of several.

        A line inside the quoted cell is a row by itself then, and looks like the row whose
        quote is open: the same kinds of characters in its other cells.
        """
        first, *others = record.removesuffix(b"\n").split(b"\n")
        cells, place = self._split(first)
        whole = len(cells) == self.cells
        compared = [i for i in range(len(cells)) if i < place or (whole and i > place)]
        if not compared:
            return False
        for other in others:
            found, _ = self._split(other)
            if len(found) == self.cells and all(
                self._kind(found[i]) == self._kind(cells[i]) for i in compared
            ):
                return True
        return False

    def _split(self, line: bytes) -> tuple[list[bytes], int]:
        """The cells of a line, and the place of the first whose quote is open."""
        cells: list[bytes] = []
        at = 0
        while match := self.cell.match(line, at):
            end = match.end()
            if end < len(line) and not line.startswith(self.delimiter, end):
                break
            cells.append(match.group())
            if end == len(line):
                return cells, len(cells)
            at = end + len(self.delimiter)
        return cells + line[at:].split(self.delimiter), len(cells)

    def _kind(self, cell: bytes) -> bytes:
        bare = cell.replace(self.quote, b"") if self.quote else cell
        return DIGITS.sub(b"9", LETTERS.sub(b"a", bare))


def look_again(blocks: Iterable[bytes], grammar: Grammar, line: int) -> Iterator[Stretch]:
    """Separates the rows of a file from other lines, in their order; blank lines are left out.

    A row whose quotes are broken costs its own line only: reading goes on with the next line.

    Args:
        blocks: whole lines, from the first row on.
        grammar: what a row looks like.
        line: number of the first line.
    """
    text, at = b"", 0
    coming = iter(blocks)
    more = True
    while True:
        if at == len(text):
            text, at = next(coming, b""), 0
            if not text:
                return
        end = grammar.good_lines(text, at)
        if end > at:
            for stretch in _decoded(text[at:end], line):
                yield from _bearable(stretch)
            line += text.count(b"\n", at, end)
            at = end
            continue
        stop = text.index(b"\n", at) + 1
        if not text[at:stop].strip(b" \n\t"):
            at, line = stop, line + 1
            continue
        record = grammar.any_row.match(text, at)
        while (
            record is None and more and len(text) - at < LONGEST and grammar.quote in text[at:stop]
        ):
            block = next(coming, b"")
            more = bool(block)
            text, at, stop = text[at:] + block, 0, stop - at
            record = grammar.any_row.match(text, at)
        whole = record.group() if record else text[at:stop]
        lines = whole.count(b"\n")
        if record is None or (lines > 1 and grammar.swallowed(whole)):
            yield Stretch(text[at:stop], 0, line, BROKEN_QUOTES)
            at, line = stop, line + 1
            continue
        if grammar.row.fullmatch(whole) is None:
            yield Stretch(whole, 0, line, CELLS)
        else:
            yield from _bearable(_one_decoded(whole, line))
        at, line = at + len(whole), line + lines


def _decoded(text: bytes, line: int) -> Iterator[Stretch]:
    """A stretch of lines that are rows, without those that are not UTF-8."""
    at = 0
    while at < len(text):
        try:
            text[at:].decode()
            stop = begin = len(text)
        except UnicodeDecodeError as error:
            begin = text.rfind(b"\n", at, at + error.start) + 1 or at
            stop = text.index(b"\n", begin) + 1
        if begin > at:
            yield Stretch(text[at:begin], text.count(b"\n", at, begin), line)
            line += text.count(b"\n", at, begin)
        if stop > begin:
            yield Stretch(text[begin:stop], 0, line, NOT_UTF8)
            line += 1
        at = stop


def _one_decoded(record: bytes, line: int) -> Stretch:
    try:
        record.decode()
    except UnicodeDecodeError:
        return Stretch(record, 0, line, NOT_UTF8)
    return Stretch(record, 1, line)


def _bearable(stretch: Stretch) -> Iterator[Stretch]:
    """A stretch without the rows that are longer than the engine reads."""
    if len(stretch.text) <= LONGEST or stretch.reason is not None:
        yield stretch
        return
    if stretch.rows == 1:
        yield replace(stretch, rows=0, reason=TOO_LONG)
        return
    for place, row in enumerate(stretch.text.splitlines(keepends=True)):
        yield from _bearable(Stretch(row, 1, stretch.line + place))
