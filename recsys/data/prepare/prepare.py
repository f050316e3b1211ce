"""From a log to a prepared dataset: filter, encode, order, write.

The result lies in ``<datasets>/<fingerprint>/``, where the fingerprint covers
the content of all sources, the settings and the dataset format: the same log
and settings are prepared once. Work goes on in a hidden folder beside it, which
is renamed at the end, so that a dataset is there whole or not at all.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from pydantic import Field, field_validator, model_validator

from recsys.config import StrictConfig
from recsys.data.dataset import FORMAT, PARTS, Dataset, Feature, Manifest, Side
from recsys.data.prepare import filters, quality, splits, variants
from recsys.data.prepare.catalogue import (
    Catalogue,
    build_catalogue,
    index_table,
    read_titles,
    write_items,
    write_users,
)
from recsys.data.prepare.encode import encode_ids
from recsys.data.prepare.features import SideTable, encode_features, mark_images, read_side_table
from recsys.data.prepare.matching import match
from recsys.data.prepare.writing import write_events, write_offsets
from recsys.data.sources.config import LogConfig, TableConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.feature_kinds import ImageFeature
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.public import Table
from recsys.data.sources.read import column, locate, read_table
from recsys.data.sources.times import zone_notes
from recsys.errors import InputError
from recsys.system.files import draft_folder, locked, remove_drafts, whole_folder
from recsys.system.reading import Damaged

logger = logging.getLogger(__name__)

Progress = Callable[[str, float], None]


class DataConfig(StrictConfig):
    """What to learn from, and what to hold out."""

    log: LogConfig
    users: TableConfig | None = Field(None, description="side table of users")
    items: TableConfig | None = Field(None, description="side table of items")
    repeats: filters.Repeats = Field(
        "keep",
        description="of the same user, item and event type: all, the first, or the last of each "
        "part of the split, lest training depend on what happens later (its value is the sum at "
        "its time)",
    )
    minimum_user_events: int = Field(
        1,
        ge=1,
        description="users with fewer are removed, until all have as many; counted over the whole "
        "log, as published figures do, so what happens after the split decides too",
    )
    minimum_item_events: int = Field(
        1, ge=1, description="items with fewer are removed, until all have as many; likewise"
    )
    split: splits.SplitConfig = splits.TimeSplit()

    @field_validator("users")
    @classmethod
    def _only_what_users_have(cls, users: TableConfig | None) -> TableConfig | None:
        if users is not None and users.title is not None:
            raise ValueError("only items have a title")
        for name, feature in (users.features if users is not None else {}).items():
            if isinstance(feature, ImageFeature):
                raise ValueError(
                    f"the feature {name!r} is an image, and only items have pictures: whoever asks "
                    "the exported model would have to send the user's. Make a vector of it first."
                )
        return users

    @model_validator(mode="after")
    def _items_are_named(self) -> "DataConfig":
        about_items = {
            "items": self.items is not None,
            "repeats": self.repeats != "keep",
            "minimum_item_events": self.minimum_item_events > 1,
        }
        for setting, used in about_items.items():
            if used and self.log.columns.item is None:
                raise ValueError(f"`{setting}` needs a column of the log with the role `item`")
        return self


def prepare(
    config: DataConfig,
    datasets_dir: str | Path,
    progress: Progress | None = None,
    memory_gib: float = 3.0,
) -> Dataset:
    """Prepares a log, or opens what was prepared from the same log and settings.

    Its files are compared with their digests; a dataset that is damaged is prepared again.

    Args:
        config: the experiment's ``data`` section.
        datasets_dir: where prepared datasets lie; made if missing.
        progress: called with what is being done and the share done, 0 to 1.
        memory_gib: what the engine may hold in memory before it spills to disk.

    Raises:
        InputError: anything about the log, the tables, the settings or the disk
            that the user can mend. Nothing half-written is left.
    """
    tell = progress or (lambda stage, share: None)
    datasets = Path(datasets_dir)
    splits.check_columns(config.split, config.log.columns)
    with blaming_input(str(datasets)), _workshop(datasets) as scratch:
        tell("finding files", 0.0)
        files = _locate(config, scratch)
        fingerprint = _fingerprint(config, files, _mark_images(config, files, scratch, memory_gib))
        final = datasets / fingerprint
        if final.exists() and (found := _intact(final)) is not None:
            return found
        with whole_folder(final, replaces=True) as built:
            con = connect(scratch, memory_gib)
            try:
                _Builder(con, config, files, built, tell).build(fingerprint)
            finally:
                con.disconnect()
        tell("dataset ready", 1.0)
    return Dataset(final)


def _intact(folder: Path) -> Dataset | None:
    """The dataset of a folder; None if it is damaged, which is said."""
    try:
        dataset = Dataset(folder)
        dataset.verify()
    except Damaged as error:
        logger.warning("%s: it is prepared again", error.what)
        return None
    return dataset


@contextmanager
def _workshop(datasets: Path) -> Iterator[Path]:
    """A scratch folder beside the datasets, for one process at a time."""
    with locked(datasets):
        remove_drafts(datasets)
        with draft_folder(datasets / "preparation") as scratch:
            yield scratch


def _locate(config: DataConfig, scratch: Path) -> dict[Table, SourceFiles]:
    sources: dict[Table, LogConfig | TableConfig | None] = {
        "log": config.log,
        "users": config.users,
        "items": config.items,
    }
    found = {}
    for side, source in sources.items():
        if source is not None:
            folder = scratch / side
            folder.mkdir()
            found[side] = locate(source, side, folder)
    return found


def _mark_images(
    config: DataConfig, files: dict[Table, SourceFiles], scratch: Path, memory_gib: float
) -> list[str]:
    """What tells of changes in pictures; an engine is started only if there are any."""
    if config.items is None or not config.items.has_images:
        return []
    where, folder = files["items"], scratch / "image_paths"
    folder.mkdir()
    con = connect(folder, memory_gib)
    try:
        with blaming_input(str(where)):
            source = read_table(con, where, config.items, "items", config.items.roles)
            return mark_images(source.table, config.items, where)
    finally:
        con.disconnect()


def _fingerprint(
    config: DataConfig, files: dict[Table, SourceFiles], image_marks: list[str]
) -> str:
    """Content of the sources and settings; where the files lie makes no difference."""
    place = {"path", "public"}
    settings = config.model_dump(
        mode="json", exclude={"log": place, "users": place, "items": place}
    )
    contents: dict[str, Any] = {side: source.fingerprint for side, source in files.items()}
    if image_marks:
        contents["images"] = image_marks
    document = json.dumps([FORMAT, settings, contents], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Builder:
    """Builds the folder of one dataset."""

    con: Backend
    config: DataConfig
    files: dict[Table, SourceFiles]
    folder: Path
    tell: Progress

    def build(self, fingerprint: str) -> None:
        (self.folder / "features").mkdir(parents=True)
        self.tell("reading the log", 0.02)
        log, report = self._read_log()
        self.tell("reading side tables", 0.35)
        tables = self._read_tables(report)
        self.tell("encoding ids", 0.4)
        encoded = encode_ids(self.con, log)
        report.notes += variants.variant_notes(encoded.users, "user")
        report.notes += variants.variant_notes(encoded.items, "item")
        report.notes += variants.word_notes(self.con, log, self.config.log)
        report.notes += variants.list_notes(encoded.items)
        report.exact_repeats = quality.count_exact_repeats(encoded.events)
        self.tell("filtering and splitting", 0.6)
        events, cuts = self._filter_and_split(encoded.events, report)
        user_parts, user_targets = _count_parts(events, "user", len(encoded.users))
        item_parts, item_targets = _count_parts(events, "item", len(encoded.items))
        self._refuse_tiny(user_parts, item_parts)
        split = splits.audit(events, self.config.split, cuts, user_parts, item_parts, user_targets)
        report.notes += splits.audit_notes(split)
        self.tell("writing events", 0.75)
        item_table = tables["item"].table if "item" in tables else None
        catalogue = build_catalogue(self.con, encoded.items, item_parts, item_targets, item_table)
        report.notes += catalogue.notes()
        is_kept = user_parts.any(axis=1)
        write_offsets(user_parts[is_kept], self.folder)
        write_events(self.con, events, catalogue.numbers, report.rows_kept, self.folder)
        self.tell("writing ids and features", 0.9)
        for role, names in encoded.names.items():
            pq.write_table(pa.table({"name": names}), self.folder / f"{role}s.parquet")
        users = encoded.users.filter(pa.array(is_kept))
        user_features = self._write_users(users, tables.get("user"), report)
        item_features = self._write_items(catalogue, tables.get("item"), report)
        columns = self.config.log.columns
        manifest = Manifest(
            fingerprint=fingerprint,
            users=len(users),
            items=len(catalogue.ids),
            events=report.rows_kept,
            part_events=split["events"],
            known_items=catalogue.known,
            has_context=catalogue.has_context,
            context_items=catalogue.context_items,
            has_order=columns.time is not None or columns.order is not None,
            has_time=columns.time is not None,
            has_items=columns.item is not None,
            user_features=user_features,
            item_features=item_features,
            settings=self.config.model_dump(mode="json"),
            quality=quality.as_document(report),
            split=split,
        )
        self.tell("taking digests", 0.95)
        manifest.write(self.folder)

    def _read_log(self) -> tuple[ir.Table, quality.Quality]:
        config, where = self.config.log, self.files["log"]
        with blaming_input(str(where)):
            source = read_table(
                self.con, where, config, "raw_log", config.columns.named, config.where is not None
            )
            log = quality.clean_log(self.con, source, config, where)
            zones = []
            if config.columns.time is not None:
                given = column(source.table, config.columns.time, "time", where)
                zones = zone_notes(given, config)
            source.drop(self.con)
            report = quality.inspect_log(log, config, where)
            report.notes += zones
            quality.write_quarantine(self.con, log, config, self.folder / "quarantine.parquet")
        return log, report

    def _read_tables(self, report: quality.Quality) -> dict[Side, SideTable]:
        tables: dict[Side, SideTable] = {}
        sources: tuple[tuple[Side, Table, TableConfig | None], ...] = (
            ("user", "users", self.config.users),
            ("item", "items", self.config.items),
        )
        for side, source, config in sources:
            if config is not None:
                where = self.files[source]
                with blaming_input(str(where)):
                    raw = read_table(self.con, where, config, f"raw_{source}", config.roles)
                    tables[side] = read_side_table(self.con, raw.table, side, config, where)
                    unread = raw.note(where)
                report.notes += [*tables[side].notes, *([unread] if unread else [])]
        return tables

    def _filter_and_split(
        self, events: ir.Table, report: quality.Quality
    ) -> tuple[ir.Table, splits.Cuts | None]:
        con, config, keep = self.con, self.config, self.config.repeats
        single = filters.collapse_repeats(events, keep)
        if keep == "first":
            con.create_table("single", single)
            events = single = con.table("single")
            report.repeats_collapsed = report.rows_kept - events.count().execute()
        least = config.minimum_user_events, config.minimum_item_events
        core = filters.k_core(con, events, single, *least)
        self._refuse_none(single, core)
        parted, cuts = splits.assign_parts(core, config.split)
        con.create_table("events", parted)
        events = con.table("events")
        left = events.count().execute()
        report.removed_by_k_core = report.rows_kept - report.repeats_collapsed - left
        if keep == "last":
            # Within each part: what training holds must not depend on what happened later.
            con.create_table("last_events", filters.collapse_repeats(events, keep))
            events = con.table("last_events")
            report.repeats_collapsed = left - events.count().execute()
            left -= report.repeats_collapsed
        report.rows_kept = left
        return events, cuts

    def _refuse_none(self, events: ir.Table, core: ir.Table) -> None:
        """Refuses minima that leave nothing to split."""
        minima = {"user": self.config.minimum_user_events, "item": self.config.minimum_item_events}
        used = {side: minimum for side, minimum in minima.items() if minimum > 1}
        if not used or core.limit(1).count().execute():
            return
        said = []
        for side, minimum in used.items():
            most = events.group_by(side).aggregate(n=events.count()).n.max().execute()
            said.append(f"data.minimum_{side}_events is {minimum} (the most of one {side}: {most})")
        raise InputError(f"{self.files['log']}: no event is left: {', '.join(said)}. Lower them.")

    def _refuse_tiny(self, user_parts: np.ndarray, item_parts: np.ndarray) -> None:
        for side, parts in (("user", user_parts), ("item", item_parts)):
            if side == "item" and self.config.log.columns.item is None:
                continue
            left = int(parts.any(axis=1).sum())
            if left < 2:
                raise InputError(
                    f"{self.files['log']}: {left or 'no'} {side} is left of {len(parts)}; "
                    f"at least two are needed. Check `columns.{side}`, "
                    "`minimum_user_events` and `minimum_item_events`."
                )

    def _write_users(
        self, ids: pa.ChunkedArray, table: SideTable | None, report: quality.Quality
    ) -> tuple[Feature, ...]:
        write_users(ids, self.folder)
        if table is None:
            return ()
        index = index_table(self.con, ids, "user_index")
        return self._write_features(index, len(ids), table, report)

    def _write_items(
        self, catalogue: Catalogue, table: SideTable | None, report: quality.Quality
    ) -> tuple[Feature, ...]:
        if table is None:
            write_items(catalogue, catalogue.ids, self.folder)
            return ()
        index = index_table(self.con, catalogue.ids, "item_index")
        titled = table.config.title is not None
        titles = read_titles(index, table.table) if titled else catalogue.ids
        write_items(catalogue, titles, self.folder)
        return self._write_features(index, catalogue.known["test"], table, report)

    def _write_features(
        self, index: ir.Table, of_the_log: int, table: SideTable, report: quality.Quality
    ) -> tuple[Feature, ...]:
        found = match(index, of_the_log, table.table, table.side, table.config)
        report.tables[table.side] = found.as_document()
        report.notes += found.notes
        with blaming_input(f"the {table.side} table"):
            size = index.count().execute()
            features, notes = encode_features(
                self.con, table, index, size, self.folder / "features"
            )
        report.notes += notes
        return features


def _count_parts(events: ir.Table, side: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts by user or item code and part.

    Returns:
        int64 [size, 3] each: the events, and those of them that weigh something.
    """
    measures = {"n": events.count(), "targets": events.count(where=events.weight > 0)}
    counted = events.group_by(side, "part").aggregate(**measures).to_pyarrow()
    places = counted[side].to_numpy(), counted["part"].to_numpy()
    found = []
    for measure in measures:
        counts = np.zeros((size, len(PARTS)), dtype=np.int64)
        counts[places] = counted[measure].to_numpy()
        found.append(counts)
    return found[0], found[1]
