"""The features of a side table as arrays with a row per user or item, of a log, and back."""

from collections.abc import Mapping
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
from ibis.backends.duckdb import Backend

from recsys.data.dataset import Dataset
from recsys.data.feature import Feature, Side
from recsys.data.prepare.event_log import EventLogConfig
from recsys.data.prepare.features.feature import (
    EventColumn,
    FeatureColumn,
    Learned,
    feature_column,
)
from recsys.data.prepare.features.kinds import FEATURES
from recsys.data.prepare.images import content_mark, local
from recsys.data.prepare.side_table import SideTable, TableConfig
from recsys.data.sources.cells import trimmed
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.read import column

_ROLE = "value of the event"


def encode_features(
    con: Backend,
    side_table: SideTable,
    index: ir.Table,
    size: int,
    folder: Path,
    learned: Mapping[str, Learned] | None = None,
) -> tuple[tuple[Feature, ...], list[str]]:
    """Writes every feature of a side table.

    Args:
        con: the engine.
        side_table: the rows.
        index: columns ``id`` and ``index``, of every user or item.
        size: rows of the arrays.
        folder: the dataset's ``features`` folder.
        learned: by feature what a model learned it by; None: the values give it.

    Returns:
        What describes the features, and notes on values that cannot be used.

    Raises:
        InputError: a feature whose values cannot be read as its kind.
    """
    described, notes = [], []
    table = side_table.config
    for name, config in table.features.items():
        source = side_table.table
        values = source.select(id=source.id, value=source[feature_column(name)])
        joined = index.inner_join(values, "id").select("index", "value")
        given = FeatureColumn(
            name=name,
            side=side_table.side,
            values=joined.filter(joined.value.notnull()),
            size=size,
            folder=folder,
            con=con,
            number_format=table.number_format,
            max_unusable=table.max_unusable,
            limit="max_unusable",
            home=side_table.folder,
            learned=None if learned is None else learned[name],
        )
        feature, wrong = config.encode(given)
        notes += wrong
        described.append(feature)
    return tuple(described), notes


def encode_event_features(
    con: Backend, events: ir.Table, log: EventLogConfig, folder: Path
) -> tuple[ir.Table, tuple[Feature, ...], list[str]]:
    """Makes numbers of every feature of a log.

    Args:
        con: the engine.
        events: with a column per feature (:func:`feature_column`), as it was read.
        log: the experiment's section of it.
        folder: the dataset's ``features`` folder, for vocabularies.

    Returns:
        The events with the numbers of the arrays, what describes these, and notes on values that
        cannot be used.

    Raises:
        InputError: a feature whose values cannot be read as its kind.
    """
    described, notes = [], []
    # Each feature is a column `value` for a while, which may be a role of the log, too.
    roles = {_ROLE: "value"} if "value" in events.columns else {}
    events = events.rename(roles)
    for name, config in log.features.items():
        given = EventColumn(
            name=name,
            side="event",
            folder=folder,
            con=con,
            number_format=log.number_format,
            max_unusable=log.max_quarantined,
            limit="max_quarantined",
            events=events.mutate(value=events[feature_column(name)]),
        )
        feature, encoded, wrong = config.encode_events(given)
        events = encoded.mutate(**{feature_column(name): encoded.value}).drop("value")
        notes += wrong
        described.append(feature)
    return events.rename({"value": _ROLE} if roles else {}), tuple(described), notes


def decode_feature(
    dataset: Dataset, side: Side, feature: Feature, values: np.ndarray
) -> np.ndarray:
    """What the table said in some rows, as a caller of the exported model would send it.

    Args:
        dataset: where the vocabulary is.
        side: whose feature.
        feature: of its manifest.
        values: rows of ``dataset.feature(side, feature.name)``.
    """
    words = ["", *dataset.vocabulary(side, feature.name)] if feature.vocabulary_size else []
    return FEATURES[feature.kind].decode(feature, values, words)


def mark_files(raw: ir.Table, config: TableConfig, where: SourceFiles) -> list[str]:
    """Changes when a file that a side table names changes; an entry per feature that names some.

    Raises:
        InputError: a column is missing, or the table is remote.
    """
    marks = []
    for name, feature in config.features.items():
        if feature.names_files:
            given = column(raw, feature.column or name, f"feature {name}", where)
            paths = raw.select(path=trimmed(given.cast("string"))).distinct().order_by("path")
            named = paths.filter(paths.path.notnull()).to_pyarrow()["path"].to_pylist()
            marks.append(content_mark(local(where.folder), named))
    return marks
