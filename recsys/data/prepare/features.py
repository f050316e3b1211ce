"""Columns of a side table as arrays with one row per user or item."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsys.data.feature import Feature, Side
from recsys.data.prepare.ids import identifier
from recsys.data.prepare.images import ImageReader, content_mark, write_images
from recsys.data.prepare.numeric_features import read_numeric, read_vectors
from recsys.data.sources.cells import trimmed
from recsys.data.sources.config import TableConfig
from recsys.data.sources.feature_kinds import (
    CategoricalFeature,
    FeatureConfig,
    ImageFeature,
    MultivaluedFeature,
    NumericFeature,
    TextFeature,
    VectorFeature,
)
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.read import column
from recsys.data.sources.text import NOT_A_WORD
from recsys.errors import InputError

# Letters of scripts that put no space between words, with the marks that belong to each.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}][\p{M}ー]*"
EXAMPLES = 5
# What may stand between several values, the likeliest first.
SEPARATORS = ("|", ",", ";", "/")


@dataclass(frozen=True)
class SideTable:
    """A side table in the engine, with one row per id.

    Attributes:
        side: whose table it is.
        table: columns ``id`` (text), ``title`` if one is named, and
            ``feature.<name>`` as read.
        config: the experiment's section of it.
        folder: where relative paths in it begin; None if it is remote.
        notes: what was left out.
    """

    side: Side
    table: ir.Table
    config: TableConfig
    folder: Path | None
    notes: tuple[str, ...]


def read_side_table(
    con: Backend, raw: ir.Table, side: Side, config: TableConfig, where: SourceFiles
) -> SideTable:
    """Writes a side table into the engine, one row per id.

    Raises:
        InputError: a column is missing, or ids are not unique.
    """
    chosen: dict[str, ir.Value] = {"id": identifier(column(raw, config.key, "key", where))}
    if config.title is not None:
        chosen["title"] = _present(column(raw, config.title, "title", where).cast("string"))
    for name, feature in config.features.items():
        given = column(raw, feature.column or name, f"feature {name}", where)
        chosen[f"feature.{name}"] = _present(given)
    con.create_table(f"{side}_rows", raw.select(**chosen))
    rows = con.table(f"{side}_rows")
    nameless = rows.filter(rows.id.isnull()).count().execute()
    notes = [f"rows of the {side} table without an id: {nameless}"] if nameless else []
    rows = rows.mutate(row=rows.rowid()).filter(rows.id.notnull())
    counted = rows.group_by("id").aggregate(rows=rows.count())
    repeated = counted.filter(counted.rows > 1).order_by("id")
    if config.duplicates == "refuse":
        _refuse_repeated(repeated, side, where)
        return SideTable(side, rows.drop("row"), config, where.folder, tuple(notes))
    merged = repeated.count().execute()
    if merged:
        notes.append(f"ids of the {side} table with several rows, merged: {merged}")
    unique = _one_row_each(con, rows, side, config)
    return SideTable(side, unique, config, where.folder, tuple(notes))


def _present(value: ir.Column) -> ir.Value:
    """Blank text is a missing value."""
    return trimmed(value) if value.type().is_string() else value


def _refuse_repeated(repeated: ir.Table, side: Side, where: object) -> None:
    examples = repeated.limit(EXAMPLES).to_pyarrow().to_pylist()
    if examples:
        shown = ", ".join(f"{entry['id']!r} ({entry['rows']} rows)" for entry in examples)
        raise InputError(
            f"{where}: {repeated.count().execute()} {side} ids have several rows: {shown}. Keep "
            "one row per id, or set `duplicates: first` or `duplicates: last`."
        )


def _one_row_each(con: Backend, rows: ir.Table, side: Side, config: TableConfig) -> ir.Table:
    chosen = {}
    for name in rows.drop("id", "row").columns:
        there = rows[name].notnull()
        pick = rows[name].argmin if config.duplicates == "first" else rows[name].argmax
        chosen[name] = pick(rows.row, where=there)
    con.create_table(f"{side}_unique", rows.group_by("id").aggregate(**chosen))
    return con.table(f"{side}_unique")


def encode_features(
    con: Backend, side_table: SideTable, index: ir.Table, size: int, folder: Path
) -> tuple[tuple[Feature, ...], list[str]]:
    """Writes every feature of a side table.

    Args:
        con: the engine.
        side_table: the rows.
        index: columns ``id`` and ``index``, of every user or item.
        size: rows of the arrays.
        folder: the dataset's ``features`` folder.

    Returns:
        What describes the features, and notes on values that cannot be used.

    Raises:
        InputError: a feature whose values cannot be read as its kind.
    """
    described, notes = [], []
    for name, config in side_table.config.features.items():
        source = side_table.table
        values = source.select(id=source.id, value=source[f"feature.{name}"])
        joined = index.inner_join(values, "id").select("index", "value")
        joined = joined.filter(joined.value.notnull())
        encoder = _Encoder(con, side_table, name, size, folder)
        feature, wrong = encoder.encode(joined, config)
        notes += wrong
        described.append(feature)
    return tuple(described), notes


@dataclass(frozen=True)
class _Encoder:
    con: Backend
    table: SideTable
    name: str
    size: int
    folder: Path

    @property
    def side(self) -> Side:
        return self.table.side

    @property
    def what(self) -> str:
        """The feature in messages."""
        return f"{self.side} feature {self.name!r}"

    def encode(self, rows: ir.Table, config: FeatureConfig) -> tuple[Feature, list[str]]:
        """Writes the feature; also returns notes on values that cannot be used."""
        if isinstance(config, ImageFeature):
            return self._images(rows, config, self.table.folder)
        if isinstance(config, VectorFeature):
            return self._vector(rows)
        if isinstance(config, NumericFeature):
            return self._numeric(rows)
        if isinstance(config, TextFeature):
            return self._indices(_split_words(rows, self.side), config, config.max_words), []
        if isinstance(config, MultivaluedFeature):
            values = _split_values(rows, config, self.what)
            notes = _separator_notes(rows.value, config, self.what)
            return self._indices(values, config, config.max_values), notes
        value = identifier(rows.value, f"the {self.what}")
        one = rows.select("index", position=ibis.literal(0), value=value)
        return self._indices(one, config, width=1), []

    def _indices(
        self,
        values: ir.Table,
        config: CategoricalFeature | MultivaluedFeature | TextFeature,
        width: int,
    ) -> Feature:
        """Replaces values (``index``, ``position``, ``value``) by numbers of a vocabulary."""
        values = values.filter(values.value.notnull())
        counted = values.group_by("value").aggregate(n=values.count())
        ordered = counted.order_by(ibis.desc("n"), "value").limit(config.max_vocabulary)
        vocabulary = ordered.select("value").to_pyarrow()
        numbers = vocabulary.append_column("code", pa.array(np.arange(len(vocabulary)) + 1))
        table = f"vocabulary_{self.side}_{self.name}"
        self.con.create_table(table, numbers)
        coded = values.inner_join(self.con.table(table), "value")
        found = coded.select("index", "position", "code").order_by("index", "position").to_pyarrow()
        rows = found["index"].to_numpy()
        columns = _count_within(rows)
        used = min(width, int(columns.max()) + 1) if len(columns) else 1
        array = np.zeros((self.size, used), dtype=np.int32)
        fits = columns < used
        array[rows[fits], columns[fits]] = found["code"].to_numpy()[fits]
        pq.write_table(vocabulary, self.folder / f"{self.side}.{self.name}.vocabulary.parquet")
        single = config.kind == "categorical"
        self._save(array[:, 0] if single else array)
        size = len(vocabulary) + 1
        return Feature(name=self.name, kind=config.kind, width=used, vocabulary_size=size)

    def _numeric(self, rows: ir.Table) -> tuple[Feature, list[str]]:
        read = read_numeric(rows, self.what, self.table.config)
        array = np.zeros(self.size, dtype=np.float32)
        array[read.index] = read.standardised
        self._save(array)
        feature = Feature(name=self.name, kind="numeric", mean=read.mean, deviation=read.deviation)
        return feature, read.notes

    def _vector(self, rows: ir.Table) -> tuple[Feature, list[str]]:
        read = read_vectors(rows, self.what, self.table.config)
        width = read.values.shape[1]
        array = np.zeros((self.size, width), dtype=np.float32)
        array[read.index] = read.values
        self._save(array)
        return Feature(name=self.name, kind="vector", width=width), read.notes

    def _images(
        self, rows: ir.Table, config: ImageFeature, home: Path | None
    ) -> tuple[Feature, list[str]]:
        """Reads the pictures; also returns notes on those that are not there."""
        table = rows.select("index", path=rows.value.cast("string")).to_pyarrow()
        paths: list[str | None] = [None] * self.size
        for index, path in zip(table["index"].to_pylist(), table["path"].to_pylist(), strict=True):
            paths[index] = path
        reader = ImageReader(_local(home), config.size, config.channels)
        wrong = write_images(paths, reader, self.folder / f"{self.side}.{self.name}.npy")
        shown = ", ".join(wrong[:EXAMPLES])
        if len(wrong) == len(table):
            found = f"none of {len(wrong)} can be read: {shown}" if wrong else "no row names one"
            raise InputError(
                f"the {self.side} feature {self.name!r} holds pictures, but {found}. Its column "
                f"must hold paths of picture files, absolute or relative to {reader.folder}."
            )
        feature = Feature(name=self.name, kind="image", width=config.size, channels=config.channels)
        notes = []
        if unnamed := self.size - len(table):
            notes.append(f"{self.side}s without a picture ({self.name}): {unnamed}")
        if wrong:
            what = f"pictures ({self.name}) that cannot be read"
            notes.append(f"{what}: {len(wrong)} of {len(table)}, such as {shown}")
        return feature, notes

    def _save(self, array: np.ndarray) -> None:
        np.save(self.folder / f"{self.side}.{self.name}.npy", np.ascontiguousarray(array))


def mark_images(raw: ir.Table, config: TableConfig, where: SourceFiles) -> list[str]:
    """Changes when a picture that a side table names changes; an entry per image feature.

    Raises:
        InputError: a column is missing, or the table is remote.
    """
    marks = []
    for name, feature in config.features.items():
        if isinstance(feature, ImageFeature):
            given = column(raw, feature.column or name, f"feature {name}", where)
            paths = raw.select(path=_present(given.cast("string"))).distinct().order_by("path")
            named = paths.filter(paths.path.notnull()).to_pyarrow()["path"].to_pylist()
            marks.append(content_mark(_local(where.folder), named))
    return marks


def _local(folder: Path | None) -> Path:
    if folder is None:
        raise InputError(
            "a table with pictures must be a local file, as their paths are: copy it beside them"
        )
    return folder


def _split_values(rows: ir.Table, config: MultivaluedFeature, what: str) -> ir.Table:
    value = rows.value
    lists = value if value.type().is_array() else value.cast("string").split(config.separator)
    return _unnested(rows.select("index", value=lists), what)


def _separator_notes(value: ir.Column, config: MultivaluedFeature, what: str) -> list[str]:
    """A hint where the values look as if they were separated by something else."""
    if value.type().is_array():
        return []
    text = value.cast("string")
    signs = (config.separator, *SEPARATORS)
    counted = {str(number): text.contains(sign).sum() for number, sign in enumerate(signs)}
    table = text.name("text").as_table().aggregate(rows=value.count(), **counted)
    rows, now, *others = (int(n or 0) for n in table.to_pyarrow().to_pylist()[0].values())
    most = max(others)
    if now or 2 * most <= rows:
        return []
    likely = SEPARATORS[others.index(most)]
    return [
        f"{what}: no value holds the separator {config.separator!r}, but {most} of {rows} hold "
        f'{likely!r}: to split them there, set `separator: "{likely}"`'
    ]


def _split_words(rows: ir.Table, side: Side) -> ir.Table:
    """Words of letters and digits, lower-cased, in order.

    Of an item's text, compatibility forms (full-width letters, ligatures) and
    case are folded, and each character of a script without spaces is a word. A
    user's text is split as TensorFlow splits it too, in the served model.
    """
    text = rows.value.cast("string")
    if side == "item":
        text = _folded(text).re_replace(UNSPACED, r" \0 ")
    words = rows.select("index", value=text.lower().re_split(NOT_A_WORD))
    return _unnested(words, "text")


@ibis.udf.scalar.python
def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def _unnested(rows: ir.Table, what: str) -> ir.Table:
    flat = rows.unnest("value", offset="position")
    return flat.select("index", "position", value=identifier(flat.value, f"the {what}"))


def _count_within(rows: np.ndarray) -> np.ndarray:
    """Position of each entry in its run of equal values: ``[3, 3, 7]`` gives ``[0, 1, 0]``."""
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1])[: len(rows)])
    lengths = np.diff(np.append(starts, len(rows)))
    return np.arange(len(rows)) - np.repeat(starts, lengths)
