"""The events of a prepared dataset as a table of the data engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.data.dataset import Dataset
from recsys.data.prepare.features.kinds import FEATURES
from recsys.data.sources.engine import connect_in_memory
from recsys.errors import InputError
from recsys.marketing.users.feature_table import feature_table

DAY = 86_400 * 10**6
OPTIONAL = {
    "value": "event_values",
    "session": "event_sessions",
    "channel": "event_channels",
    "campaign": "event_campaigns",
}


@dataclass(frozen=True)
class Events:
    """What happened, opened in an engine.

    Attributes:
        dataset: where the events are.
        con: the engine; closed with the context.
        table: a row per event: ``user`` and ``item`` int32 (indices of the dataset),
            ``time`` int64 (microseconds since 1970 UTC), ``weight`` float32, and where the
            log maps them ``value`` float32 (null: missing), ``session`` int64, ``channel`` and
            ``campaign`` int32 (-1: none).
        categories: a row per item and category that it has: ``item`` int32, ``category``
            int32 (vocabulary index, from 1). Empty unless a feature was named.
        category_names: by index, from 1.
        user_ids: as in the log, by index.
        users: the categories (text, "" where missing) and numbers (in their own unit) of the
            user table, by index of the user.
    """

    dataset: Dataset
    con: Backend
    table: ir.Table
    categories: ir.Table
    category_names: tuple[str, ...]
    user_ids: pd.Index
    users: pd.DataFrame


@contextmanager
def open_events(dataset: Dataset, category: str | None = None) -> Iterator[Events]:
    """Opens the events of all parts: a cutoff, not the split, says what may be known.

    Args:
        dataset: with times.
        category: a categorical or multi-valued item feature.

    Raises:
        InputError: the dataset has no times, or no such feature.
    """
    if not dataset.manifest.has_time:
        raise InputError(
            f"{dataset.path} has no times, and what users do next is predicted as of a cutoff: "
            "map a time column (data.log.columns.time)"
        )
    items, categories, names = _categories(dataset, category)
    lengths = np.diff(dataset.user_offsets)
    columns = {
        "user": np.repeat(np.arange(dataset.users, dtype=np.int32), lengths),
        "item": np.asarray(dataset.event_items),
        "time": np.asarray(dataset.event_times),
        "weight": np.asarray(dataset.event_weights),
    }
    for role, name in OPTIONAL.items():
        if (dataset.path / f"{name}.npy").is_file():
            columns[role] = dataset.array(name)
    con = connect_in_memory()
    try:
        # Registered, not copied; a missing value is null.
        con.con.register(
            "events",
            pa.table({name: pa.array(each, from_pandas=True) for name, each in columns.items()}),
        )
        con.con.register("categories", pa.table({"item": items, "category": categories}))
        yield Events(
            dataset,
            con,
            con.table("events"),
            con.table("categories"),
            names,
            pd.Index(dataset.user_ids),
            feature_table(dataset, "user", lists=False),
        )
    finally:
        con.disconnect()


def occasions_before(events: Events, cutoff: int) -> ir.Table:
    """The occasions of all users before a cutoff; see :func:`occasions_of`."""
    return occasions_of(events.table.filter(events.table.time < cutoff))


def occasions_of(events: ir.Table) -> ir.Table:
    """A row per occasion: the events of one session, or of one time where there are none.

    Returns:
        ``user``, ``occasion``, ``time`` (of its first event), ``events``, ``value`` (the sum, if
        values are mapped), and ``gap``, days since the user's last occasion (null of the first).
    """
    occasion = events.session if "session" in events.columns else events.time
    measures = {"time": events.time.min(), "events": events.count()}
    if "value" in events.columns:
        measures["value"] = events.value.sum().fill_null(0)
    occasions = events.group_by(events.user, occasion=occasion).aggregate(**measures)
    in_order = ibis.window(group_by="user", order_by=["time", "occasion"])
    return occasions.mutate(gap=(occasions.time - occasions.time.lag().over(in_order)) / DAY)


def _categories(
    dataset: Dataset, category: str | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Item and category of each pair, and the names of the categories."""
    empty = np.zeros(0, dtype=np.int32)
    if category is None:
        return empty, empty, ()
    features = dataset.manifest.item_features
    usable = [each.name for each in features if FEATURES[each.kind].holds == "categories"]
    if category not in usable:
        raise InputError(
            f"no item feature {category!r} of categories; there are: "
            f"{', '.join(usable) or 'none'}. Name it in data.items.features."
        )
    values = np.asarray(dataset.feature("item", category)).reshape(dataset.items, -1)
    items, columns = np.nonzero(values)
    names = tuple(dataset.vocabulary("item", category))
    return items.astype(np.int32), values[items, columns].astype(np.int32), names
