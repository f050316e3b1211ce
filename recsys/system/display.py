"""Text of others, such as titles and ids, made fit to be shown to people."""

import re
import sys
import unicodedata
from typing import Any

LONGEST = 200
LONGEST_LINE = 2_000
# What takes its own meaning in a terminal or on a page: controls, marks that turn the direction
# of text around, tags that are not seen, and halves of characters, which cannot be written.
_BREAKS = "\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029"
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)
HALVES = re.compile("[\ud800-\udfff]")
# What a spreadsheet takes for the beginning of a formula, in any width (by NFKC).
_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def printable(text: object, longest: int = LONGEST) -> str:
    """A text on one line, without what a terminal would obey, cut with ``…`` where it is long.

    Args:
        text: anything; what is not text is written as Python does.
        longest: letters that are kept.
    """
    # Far more than is shown need not be looked at.
    line = re.sub(f"[{_BREAKS}]+", " ", str(text)[: 4 * longest])
    line = HALVES.sub("\ufffd", _CONTROLS.sub("", line))
    cut = len(line) > longest or len(str(text)) > 4 * longest
    return f"{line[: longest - 1]}…" if cut else line


def printable_lines(text: str, longest: int = LONGEST_LINE) -> str:
    """Several lines of ours that hold text of others: each as :func:`printable` has it."""
    return "\n".join(printable(line, longest) for line in text.split("\n"))


def printable_document(document: Any) -> Any:
    """A document of mappings and lists, each text in it as :func:`printable` has it."""
    if isinstance(document, dict):
        return {printable(key): printable_document(each) for key, each in document.items()}
    if isinstance(document, list | tuple):
        return [printable_document(each) for each in document]
    return printable(document, LONGEST_LINE) if isinstance(document, str) else document


def counted(count: int, one: str, many: str = "") -> str:
    """A number with what is counted, in the singular or the plural.

    Args:
        count: how many.
        one: words behind a 1.
        many: words behind any other number; ``one`` with an s by default.

    >>> counted(1, "row"), counted(2000, "row"), counted(1, "id has", "ids have")
    ('1 row', '2,000 rows', '1 id has')
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def show(text: object) -> None:
    """Prints lines for a person: those of a summary, the path of a file."""
    print(printable_lines(str(text)))


def show_error(text: str) -> None:
    """Prints lines for a person to where errors go."""
    print(printable_lines(text), file=sys.stderr)


def spreadsheet_cell(text: str) -> str:
    """A text for a table that people open in a spreadsheet, where none becomes a formula.

    One that begins with ``=``, ``+``, ``-`` or ``@``, behind blanks or not, gets an apostrophe
    before it. A number stays one.
    """
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    if text[:1] in ("\t", "\r") or (first in _FORMULA and not _NUMBER.fullmatch(text)):
        return f"'{text}"
    return text
