"""How a CSV file is written: its delimiter, quotes, header line and what stands above it."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from recsys.data.sources.config import FileConfig
from recsys.data.sources.readers.columns import refuse_repeated
from recsys.data.sources.readers.text import TextFile
from recsys.errors import InputError
from recsys.system.display import counted

# MovieLens separates by two colons.
DELIMITERS = (",", ";", "\t", "|", "::")
SAMPLE = 50
# Share of the first lines that must have as many cells as most of them.
AGREED = 0.8


@dataclass(frozen=True)
class Dialect:
    """How all CSV files of a source are written.

    Attributes:
        delimiter: between the cells of a line, 1 to 4 characters.
        quote: around cells that hold a delimiter or a line break; empty: there are no quotes.
        escape: makes a quote inside quotes part of the text; the quote itself: it is doubled.
    """

    delimiter: str
    quote: str
    escape: str

    def records(self, text: str) -> list[list[str]]:
        """The first lines as cells; a blank line has none."""
        if len(self.delimiter) > 1:
            lines = text.split("\n")[:SAMPLE]
            return [[self._bare(c) for c in line.split(self.delimiter)] if line.strip() else []
                    for line in lines]  # fmt: skip
        doubled = self.escape == self.quote
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            doublequote=doubled,
            escapechar=None if doubled or not self.escape else self.escape,
            skipinitialspace=False,
        )
        try:
            found = list(islice(reader, SAMPLE))
        except csv.Error:  # A cell longer than the module's limit: quotes are broken.
            found = [line.split(self.delimiter) for line in text.split("\n")[:SAMPLE]]
        return [[] if len(cells) == 1 and not cells[0].strip() else cells for cells in found]

    def _bare(self, cell: str) -> str:
        return cell.strip().removeprefix(self.quote).removesuffix(self.quote)


@dataclass(frozen=True)
class Header:
    """The names of a file's columns, and where its rows begin.

    Attributes:
        names: trimmed; a column without a name is called ``column_<place>``.
        above: records above the first row, the header's own among them.
        lines: lines that these take up; more where a cell of the header holds a line break.
    """

    names: tuple[str, ...]
    above: int
    lines: int


def find_dialect(file: TextFile, config: FileConfig) -> Dialect:
    """The dialect that is set, or that the first lines of a file show.

    Raises:
        InputError: several delimiters are equally likely.
    """
    quote = config.quote
    escape = quote if config.escape is None else config.escape
    if config.delimiter is not None:
        return Dialect(config.delimiter, quote, escape)
    text = _below(file, config.skip)
    likely = {}
    for delimiter in DELIMITERS:
        records = [cells for cells in Dialect(delimiter, quote, escape).records(text) if cells]
        most, share = _agreed([len(cells) for cells in records])
        if most > 1:
            # First those by which the header has as many cells as the rows: not `1,5;2,5`.
            likely[delimiter] = (len(records[0]) == most, share), most
    if not likely:
        return Dialect(",", quote, escape)
    best = max(fit for fit, _ in likely.values())
    first = {delimiter: most for delimiter, (fit, most) in likely.items() if fit == best}
    if len(first) > 1:
        told = " or ".join(f"{d!r} ({most} columns)" for d, most in first.items())
        raise InputError(f"{file.name}: columns may be separated by {told}: set `delimiter`")
    return Dialect(next(iter(first)), quote, escape)


def read_header(file: TextFile, dialect: Dialect, config: FileConfig) -> Header:
    """The columns of a file by its header line, or as they are set.

    Raises:
        InputError: the header line seems to stand further down, or two columns have one name.
    """
    records = dialect.records(_below(file, config.skip))
    if config.column_names is not None:
        names = [name.strip() for name in config.column_names]
        refuse_repeated(names, f"{file.name}: `column_names`", "Give each column its own name.")
        return Header(tuple(names), config.skip, config.skip)
    if not any(records):
        raise InputError(f"{file.name} has no header line")
    blank = next(place for place, cells in enumerate(records) if cells)
    found = _header_place(records)
    above = config.skip + blank + 1
    lines = above + sum(cell.count("\n") for cell in records[blank])
    if found != blank:
        raise InputError(_title(file, records, blank, found, config.skip))
    names = [name.strip() for name in records[blank]]
    most, share = _agreed([len(cells) for cells in records[blank + 1 :] if cells])
    while len(names) > max(most, 1) and not names[-1] and share >= AGREED:
        names.pop()  # a delimiter at the end of the header alone
    named = [name or f"column_{place}" for place, name in enumerate(names, start=1)]
    refuse_repeated(named, file.name, f"Rename one, {_name_all(lines)}")
    return Header(tuple(named), above, lines)


def lines_above(file: TextFile, config: FileConfig) -> int:
    """How many lines seem to stand above the header line: titles, and remarks of an export."""
    records = find_dialect(file, config).records(_below(file, config.skip))
    place = _header_place(records)
    return config.skip + place if any(records[:place]) else config.skip


def first_cells(file: TextFile, config: FileConfig) -> list[str]:
    """The cells of the first line, which may be a header or a row."""
    records = find_dialect(file, config).records(_below(file, config.skip))
    return next((cells for cells in records if cells), [])


def _header_place(records: list[list[str]]) -> int:
    """Where the header stands: the first line that has as many cells as those below it.

    It is the first line that is not blank, unless it has fewer names than the rows have cells.
    """
    first = next((place for place, cells in enumerate(records) if cells), 0)
    rows = [cells for cells in records[first + 1 :] if cells]
    most, _ = _agreed([len(cells) for cells in rows])
    names = records[first] if records else []
    given = sum(bool(name.strip()) for name in names)
    if given >= most or (len(names) == most and 2 * given >= most):
        return first
    if not any(any(cells[len(names) :]) for cells in rows) and given == len(names):
        return first  # a delimiter too many at the end of each row
    place = next(place for place in range(first + 1, len(records)) if len(records[place]) == most)
    _, share = _agreed([len(cells) for cells in records[place:] if cells])
    return place if share >= AGREED else first


def _title(file: TextFile, records: list[list[str]], first: int, place: int, skip: int) -> str:
    shown = " ".join(records[first])[:80].strip()
    given = sum(bool(name.strip()) for name in records[first])
    return (
        f"{file.name}: line {skip + first + 1} ({shown!r}) has {_cells(given)}, and the lines "
        f"below have {len(records[place])}. If it stands above the header, set "
        f"`skip: {skip + place}`; if it is the header, mend it, {_name_all(skip + first + 1)}"
    )


def _name_all(skip: int) -> str:
    return f"or name all columns by `column_names` and set `skip: {skip}`."


def _cells(count: int) -> str:
    return counted(count, "cell")


def _below(file: TextFile, skip: int) -> str:
    text = file.head()
    for _ in range(skip):
        text = text.partition("\n")[2]
    return text


def _agreed(counts: list[int]) -> tuple[int, float]:
    """The most frequent number of cells, and its share of the lines."""
    if not counts:
        return 0, 0.0
    cells, times = max(Counter(counts).items(), key=lambda entry: (entry[1], entry[0]))
    return cells, times / len(counts)
