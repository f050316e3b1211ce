"""Frames in memory as one file: pandas, and whatever streams Arrow (Polars, PyArrow, DuckDB).

A frame is written once, by the digest of its content, and then goes the way of files. What Arrow
would merge or truncate silently (numbers and text in one column, dates among times) is refused.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.interchange
import pyarrow.parquet as pq

from recsys.data.sources.engine import blaming_input
from recsys.data.sources.readers.columns import SHOWN, find_column
from recsys.errors import InputError
from recsys.system.display import HALVES, counted
from recsys.system.files import PRIVATE, draft_folder, locked

ROWS = 1 << 20  # of a row group
# The most digits of a decimal that the engine holds; it reads longer ones as floats.
DIGITS = 38
# Extension types whose storage means the same.
PLAIN_EXTENSIONS = ("arrow.bool8", "arrow.json")
NEEDED = "a pandas or Polars DataFrame, a PyArrow table or reader, or a path of files"


@dataclass(frozen=True)
class Frame:
    """A frame that was given, of which columns can be read.

    Attributes:
        what: how messages name it.
        names: of its columns; of pandas also those of the index.
        categorical: those of a type of few values (categories, dictionaries, enums).
        read: the rows of some columns, in types that a file can hold. A stream can be read only
            once.
    """

    what: str
    names: tuple[str, ...]
    categorical: frozenset[str]
    read: Callable[[Sequence[str]], pa.RecordBatchReader]

    def column(self, name: str, role: str) -> str:
        """The column of that name; for a dotted path, the column that holds the records.

        Raises:
            InputError: there is none, or there are several; the message names the nearest.
        """
        found = find_column(name, role, self.names, self.what)
        if HALVES.search(found):
            raise InputError(
                f"{self.what} has a column {found!a} ({role}), whose name holds half of a "
                "character (a lone surrogate): rename it"
            )
        if self.names.count(found) > 1:
            raise InputError(
                f"{self.what} has {self.names.count(found)} columns named {found!r} ({role}): "
                "rename all but one"
            )
        return found

    def shown(self) -> str:
        """Its columns, for messages."""
        return ", ".join(self.names[:SHOWN]) or "none"


def open_frame(given: Any, what: str) -> Frame:
    """Opens what a caller gave as a frame.

    Args:
        given: a pandas DataFrame, an object that streams Arrow (``__arrow_c_stream__``: Polars,
            PyArrow, DuckDB, Ibis) or one that speaks the interchange protocol (``__dataframe__``).
        what: how messages name it.

    Raises:
        InputError: it is something else, or cannot be read at all.
    """
    if hasattr(given, "to_native"):  # a frame of narwhals, which only wraps another
        given = given.to_native()
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(given, pandas.DataFrame):
        return _of_pandas(given, what)
    if type(given).__name__ == "Series":
        raise InputError(f"{what} is a {_kind(given)}, which is one column: {NEEDED} is needed")
    refused = (
        "it is a plan: call .collect() first"
        if hasattr(given, "collect") and not hasattr(given, "__arrow_c_stream__")
        else f"{NEEDED} is needed"
    )
    try:
        if hasattr(given, "__arrow_c_stream__"):
            return _of_stream(pa.RecordBatchReader.from_stream(given), what)
        if hasattr(given, "__dataframe__"):
            table = pyarrow.interchange.from_dataframe(given)
            return _of_stream(table.to_reader(), what)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{what} ({_kind(given)}) cannot be read through Arrow: {error}. Leave such columns "
            "out, or convert them to text or numbers."
        ) from error
    raise InputError(f"{what} is a {_kind(given)}: {refused}")


def write_frame(rows: pa.RecordBatchReader, what: str, folder: Path) -> Path:
    """Writes a frame into a folder, as ``<digest>.parquet``; equal frames are one file.

    Args:
        rows: what to write.
        what: how messages name it.
        folder: made if missing; one within that of the datasets.

    Raises:
        InputError: there are no rows, or a stream breaks off.
    """
    drafts_of = draft_folder(folder / "frame")
    # Under the lock that preparing takes, which removes what it finds half-written.
    with blaming_input(str(folder)), locked(folder.parent), drafts_of as drafts:
        draft = drafts / "frame.parquet"
        # Without the types of Arrow, so that frames of several libraries are one file.
        options = {"compression": "zstd", "store_schema": False}
        written = 0
        try:
            with pq.ParquetWriter(draft, rows.schema, **options) as writer:
                for block in _blocks(rows):
                    writer.write_table(block, row_group_size=ROWS)
                    written += len(block)
        except pa.ArrowException as error:
            raise InputError(f"{what} cannot be written as a file: {error}") from error
        if not written:
            raise InputError(f"{what} has no rows")
        with open(draft, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
        path = folder / f"{digest}.parquet"
        draft.chmod(PRIVATE)
        os.replace(draft, path)
    return path


def _blocks(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows in blocks of one size, whatever the size of the batches."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in rows:
        while count + len(batch) >= ROWS:
            cut = ROWS - count
            yield pa.Table.from_batches([*held, batch.slice(0, cut)]).combine_chunks()
            held, count, batch = [], 0, batch.slice(cut)
        if len(batch):
            held.append(batch)
            count += len(batch)
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _of_stream(reader: pa.RecordBatchReader, what: str) -> Frame:
    names = tuple(reader.schema.names)

    def read(chosen: Sequence[str]) -> pa.RecordBatchReader:
        places = [names.index(name) for name in chosen]
        fields = [reader.schema.field(place) for place in places]
        schema = pa.schema([pa.field(f.name, _plain_type(f.type, f.name, what)) for f in fields])

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for batch in reader:
                    arrays = [batch.column(place) for place in places]
                    plain = [_plain(a, k) for a, k in zip(arrays, schema.types, strict=True)]
                    yield pa.RecordBatch.from_arrays(plain, schema=schema)
            except (pa.ArrowException, OSError) as error:
                raise InputError(f"{what} cannot be read to its end: {error}") from error

        return pa.RecordBatchReader.from_batches(schema, batches())

    dictionaries = (field.name for field in reader.schema if pa.types.is_dictionary(field.type))
    return Frame(what, names, frozenset(dictionaries), read)


def _of_pandas(frame: Any, what: str) -> Frame:
    if frame.columns.nlevels > 1:
        raise InputError(
            f"{what} has columns of {frame.columns.nlevels} levels, such as {frame.columns[0]!r}: "
            "give each one name, for example by frame.columns = frame.columns.map('_'.join)"
        )
    labels = [str(label) for label in frame.columns]
    levels = [None if name is None else str(name) for name in frame.index.names]
    indexed = [name for name in levels if name is not None]

    def read(chosen: Sequence[str]) -> pa.RecordBatchReader:
        columns: dict[str, pa.ChunkedArray] = {}
        for name in chosen:
            values = (
                frame.iloc[:, labels.index(name)]
                if name in labels
                else frame.index.get_level_values(levels.index(name)).to_series()
            )
            columns[name] = _column(values, f"the column {name!r} of {what}")
        return pa.table(columns).to_reader()

    kinds = zip(labels, frame.dtypes, strict=True)
    categorical = (label for label, kind in kinds if type(kind).__name__ == "CategoricalDtype")
    return Frame(what, (*labels, *indexed), frozenset(categorical), read)


def _column(values: Any, what: str) -> pa.ChunkedArray:
    """A column of pandas, exactly."""
    kind = type(values.dtype).__name__
    if kind == "CategoricalDtype":
        codes = values.cat.codes.to_numpy()
        categories = _column(values.cat.categories.to_series(), what)
        return categories.take(pa.array(codes, pa.int64(), mask=codes < 0))
    if kind == "SparseDtype":
        values = values.sparse.to_dense()
    try:
        if values.dtype == object:
            values = _one_type(values, what)
        found = pa.array(values, from_pandas=True)
    except InputError:
        raise
    except OverflowError:  # whole numbers beyond 64 bits
        found = pa.array([None if _is_missing(each) else str(each) for each in values])
    except (pa.ArrowException, TypeError, ValueError, InvalidOperation) as error:
        if (odd := _unwritable(values)) is not None:
            raise InputError(
                f"{what} holds {odd}: replace them, or put None where there is no value"
            ) from error
        raise InputError(
            f"{what} ({values.dtype}) cannot be read: {error}. Convert it to text or numbers."
        ) from error
    found = found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])
    plain = _plain_type(found.type, what)
    return pa.chunked_array([_plain(chunk, plain) for chunk in found.chunks], plain)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _one_type(values: Any, what: str) -> Any:
    """Python objects of one type, as they are; several kinds of numbers are one type.

    Raises:
        InputError: they are of several types, so that ids could be merged, changed or cut.
    """
    from pandas.api.types import infer_dtype

    inferred = infer_dtype(values, skipna=True)
    if inferred in ("string", "empty", "integer", "floating", "decimal", "boolean", "bytes"):
        return values
    counts: dict[str, int] = {}
    examples: dict[str, Any] = {}
    for value in values[values.notna()]:
        name = _family(value)
        counts[name] = counts.get(name, 0) + 1
        examples.setdefault(name, value)
    if len(counts) > 1 and not set(counts) <= {"whole numbers", "fractions", "decimals"}:
        shown = " and ".join(
            f"{name} ({counted(rows, 'row')}, such as {str(examples[name])[:40]!r})"
            for name, rows in counts.items()
        )
        raise InputError(
            f"{what} holds values of several types: {shown}. Convert them to one, for example with "
            ".astype('string')."
        )
    if "UUIDs" in counts:
        return values.map(str, na_action="ignore")
    if "sets" in counts:
        raise InputError(f"{what} holds sets, whose order differs from run to run: use lists")
    return values


def _unwritable(values: Any) -> str | None:
    """Which values of a column of pandas no file can hold, in words; None: it is not one value."""
    for is_odd, said in (
        (_is_odd_decimal, "decimals that are not numbers"),
        (_has_half, "text with half of a character in it (a lone surrogate)"),
    ):
        odd = values[values.map(is_odd)]
        if len(odd):
            return f"{said} in {counted(len(odd), 'row')}, such as {odd.iloc[0]!a:.80}"
    return None


def _is_odd_decimal(value: Any) -> bool:
    """Whether it is an infinite decimal or a signalling NaN; a quiet one is a missing value."""
    return isinstance(value, Decimal) and (value.is_infinite() or value.is_snan())


def _has_half(value: Any) -> bool:
    """Whether a value is text that UTF-8 cannot write, or holds some."""
    if isinstance(value, str):
        return HALVES.search(value) is not None
    if isinstance(value, dict):
        return any(map(_has_half, (*value, *value.values())))
    return isinstance(value, list | tuple) and any(map(_has_half, value))


def _family(value: Any) -> str:
    """What kind of value it is, of those that must not be mixed."""
    for name, types in (
        ("text", str),
        ("booleans", bool),
        ("decimals", Decimal),
        ("whole numbers", Integral),
        ("fractions", Real),
        ("bytes", (bytes, bytearray)),
        ("UUIDs", UUID),
        ("records", dict),
        ("sets", (set, frozenset)),
    ):
        if isinstance(value, types):  # type: ignore[arg-type]
            return name
    if isinstance(value, datetime):
        return "times without a zone" if value.tzinfo is None else "times with a zone"
    if isinstance(value, date):
        return "dates"
    if isinstance(value, list | tuple) or type(value).__name__ == "ndarray":
        return "lists"
    return type(value).__name__


def _kind(given: Any) -> str:
    module = type(given).__module__.partition(".")[0]
    name = type(given).__name__
    return name if module == "builtins" else f"{module}.{name}"


def _plain_type(kind: pa.DataType, name: str, what: str | None = None) -> pa.DataType:
    """The type that a column is written as, which the engine reads without loss.

    Raises:
        InputError: there is none.
    """
    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return _plain_type(kind.value_type, name, what)
    if types.is_decimal(kind) and kind.precision > DIGITS:
        return pa.string()
    if types.is_large_string(kind) or types.is_string_view(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            return kind
        if kind.extension_name in PLAIN_EXTENSIONS:
            bool8 = kind.extension_name == "arrow.bool8"
            return pa.bool_() if bool8 else _plain_type(kind.storage_type, name, what)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type, name, what))
    elif not (types.is_duration(kind) or types.is_interval(kind)):
        return kind
    column = name if what is None else f"the column {name!r} of {what}"
    mend = "a number of seconds" if types.is_duration(kind) else "text, numbers or times"
    raise InputError(f"{column} is of the type {kind}: make {mend} of it, or leave it out")


def _plain(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """An array in its plain type."""
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type):  # Arrow cannot decode dictionaries of string views
        return _plain(array.dictionary, kind).take(array.indices)
    return array if array.type == kind else array.cast(kind)
