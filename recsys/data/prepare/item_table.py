"""A newer item table, read and encoded by what a model learned from an earlier one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.data.dataset import ATTRIBUTES, Dataset
from recsys.data.prepare.attribute_table import write_attributes
from recsys.data.prepare.catalogue import index_table
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.features.encode import encode_features
from recsys.data.prepare.features.feature import Learned
from recsys.data.prepare.matching import difference
from recsys.data.prepare.side_table import TableConfig, read_side_table
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.frames import open_frame, write_frame
from recsys.data.sources.read import locate, read_table
from recsys.system.files import given_path

WHAT = "the items"


@dataclass(frozen=True)
class ItemTable:
    """A newer item table.

    Attributes:
        ids: of its items, one row each, in the order of the ids.
        titles: of them; None where the table has none, or names no column for them.
        features: by name an array with a row per item, as :mod:`recsys.data.feature` says.
        attributes: by name an array with a row per item (:meth:`Dataset.attribute`).
        notes: what a person should know, a sentence each.
    """

    ids: list[str]
    titles: list[str | None]
    features: Mapping[str, np.ndarray]
    attributes: Mapping[str, pa.Array]
    notes: Sequence[str]


def read_item_table(
    given: Any,
    config: DataConfig,
    dataset: Dataset,
    features: Sequence[str],
    attributes: Sequence[str],
    scratch: Path,
    memory_gib: float = 3.0,
) -> ItemTable:
    """Reads a table as ``data.items`` of the experiment reads the first one.

    Args:
        given: a path of files, or a frame.
        config: the experiment's ``data`` section. Without ``items``, the table's ids are in a
            column that is called as that of the log is.
        dataset: which the model was trained on, with its vocabularies and moments.
        features: those that the model reads, by name.
        attributes: those that it is filtered by, by name.
        scratch: an empty folder, removed by the caller.
        memory_gib: what the engine may hold in memory before it spills to disk.

    Raises:
        InputError: the table cannot be read, lacks a column, holds an id twice, or has values
            that are not what the features were.
    """
    table = _settings(given, config, features, attributes, scratch)
    folders = {name: scratch / name for name in ("files", "work", "features")}
    for folder in folders.values():
        folder.mkdir()
    where = locate(table, "items", folders["files"])
    con = connect(folders["work"], memory_gib)
    try:
        with blaming_input(str(where)):
            source = read_table(con, where, table, "raw_items", table.roles)
            side = read_side_table(con, source.table, "item", table, where)
            unread = source.note(where)
            notes = [*side.notes, *([unread] if unread else [])]
            rows = side.table.order_by("id")
            found = rows.select(*(["id", "title"] if table.title is not None else ["id"]))
            named = found.to_pyarrow()
            ids = named["id"]
            index = index_table(con, ids, "item_index")
            learned = {name: _learned(dataset, name) for name in features}
            _, unusable = encode_features(con, side, index, len(ids), folders["features"], learned)
            if attributes:
                place = folders["features"]
                unusable += write_attributes(con, side, index, len(ids), place)
    finally:
        con.disconnect()
    arrays = {name: np.load(folders["features"] / f"item.{name}.npy") for name in features}
    titles: list[str | None] = [None] * len(ids)
    if table.title is not None:
        titles = named["title"].to_pylist()
    read = {}
    if attributes:
        table_of_them = pq.read_table(folders["features"] / ATTRIBUTES)
        read = {name: table_of_them[name].combine_chunks() for name in attributes}
    return ItemTable(ids.to_pylist(), titles, arrays, read, [*notes, *unusable])


def likeness(unknown: Sequence[str], missing: Sequence[str]) -> str:
    """What ids of a table differ in from those of the model, where that explains them; "" if not.

    Args:
        unknown: ids of the table that the model does not know.
        missing: ids of the model that are not in the table.
    """
    if not (unknown and missing):
        return ""
    table, model = (pa.chunked_array([pa.array(ids, pa.string())]) for ids in (unknown, missing))
    return difference(table, model, ("table", "model"))


def _learned(dataset: Dataset, name: str) -> Learned:
    feature = next(each for each in dataset.manifest.item_features if each.name == name)
    words = dataset.vocabulary("item", name) if feature.vocabulary_size else []
    return Learned(feature, words)


def _settings(
    given: Any,
    config: DataConfig,
    features: Sequence[str],
    attributes: Sequence[str],
    scratch: Path,
) -> TableConfig:
    """The section of the table, with what is read of it."""
    first = config.items
    if first is None:
        key = config.log.columns.item
        assert key is not None  # there would be nothing to recommend
        first = TableConfig(path="items", key=key)
    wanted = {name: feature for name, feature in first.features.items() if name in features}
    kept = {name: each for name, each in first.attributes.items() if name in attributes}
    table = first.model_copy(update={"features": wanted, "attributes": kept, "public": None})
    if isinstance(given, str | Path):
        path = given_path(given, "items")
        update: dict[str, Any] = {"path": str(path)}
        if path.suffix == ".parquet":
            update["format"] = "parquet"
        return table.model_copy(update=update)
    frame = open_frame(given, WHAT)
    columns = [frame.column(name, role) for role, name in table.roles.items()]
    rows = frame.read(list(dict.fromkeys(columns)))
    written = write_frame(rows, WHAT, scratch / "given" / "frames")
    return table.model_copy(update={"path": str(written), "format": "parquet"})
