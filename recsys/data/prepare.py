"""From a log to a prepared dataset: filter, encode, order, write.

The result lies in ``<datasets>/<fingerprint>/``, where the fingerprint covers
the content of all sources, the settings and the dataset format: the same log
and settings are prepared once. Work goes on in a hidden folder beside it, which
is renamed at the end, so that a dataset is there whole or not at all.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from pydantic import Field, field_validator

from recsys.config import StrictConfig
from recsys.data import filters, quality, splits
from recsys.data.dataset import FORMAT, PARTS, Dataset, Feature, Manifest, Side
from recsys.data.engine import blaming_input, connect
from recsys.data.features import SideTable, encode_features, read_side_table
from recsys.data.files import SourceFiles
from recsys.data.public import Table
from recsys.data.sources import LogConfig, TableConfig, locate, read_table
from recsys.data.writing import write_events
from recsys.errors import InputError

Progress = Callable[[str, float], None]
UNFINISHED = ".unfinished-"


class DataConfig(StrictConfig):
    """What to learn from, and what to hold out."""

    log: LogConfig
    users: TableConfig | None = Field(None, description="side table of users")
    items: TableConfig | None = Field(None, description="side table of items")
    repeats: filters.Repeats = Field(
        "keep", description="of the same user, item and event type: all, the first or the last"
    )
    minimum_user_events: int = Field(
        1, ge=1, description="users with fewer are removed, until all have as many"
    )
    minimum_item_events: int = Field(
        1, ge=1, description="items with fewer are removed, until all have as many"
    )
    split: splits.SplitConfig = splits.TimeSplit()

    @field_validator("users")
    @classmethod
    def _untitled(cls, users: TableConfig | None) -> TableConfig | None:
        if users is not None and users.title is not None:
            raise ValueError("only items have a title")
        return users


def prepare(
    config: DataConfig,
    datasets_dir: str | Path,
    progress: Progress | None = None,
    memory_gib: float = 3.0,
) -> Dataset:
    """Prepares a log, or opens what was prepared from the same log and settings.

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
        fingerprint = _fingerprint(config, files)
        final = datasets / fingerprint
        if final.exists():
            return Dataset(final)
        built = scratch / "dataset"
        con = connect(scratch, memory_gib)
        try:
            _Preparation(con, config, files, built, tell).run(fingerprint)
        finally:
            con.disconnect()
        os.replace(built, final)
        tell("dataset ready", 1.0)
    return Dataset(final)


@contextmanager
def _workshop(datasets: Path) -> Iterator[Path]:
    """A scratch folder beside the datasets, for one process at a time.

    What a killed process left is removed: as the lock is ours, nobody uses it.
    """
    datasets.mkdir(parents=True, exist_ok=True)
    lock = os.open(datasets, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in datasets.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            dir=datasets, prefix=UNFINISHED, ignore_cleanup_errors=True
        ) as scratch:
            yield Path(scratch)
    finally:
        os.close(lock)


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


def _fingerprint(config: DataConfig, files: dict[Table, SourceFiles]) -> str:
    """Content of the sources and settings; where the files lie makes no difference."""
    place = {"path", "public"}
    settings = config.model_dump(
        mode="json", exclude={"log": place, "users": place, "items": place}
    )
    contents = {side: source.fingerprint for side, source in files.items()}
    document = json.dumps([FORMAT, settings, contents], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:16]


@dataclass
class _Preparation:
    con: Backend
    config: DataConfig
    files: dict[Table, SourceFiles]
    folder: Path
    tell: Progress

    def run(self, fingerprint: str) -> None:
        (self.folder / "features").mkdir(parents=True)
        with blaming_input(str(self.files["log"])):
            self.tell("reading the log", 0.02)
            log, report = self._read_log()
            self.tell("reading side tables", 0.35)
        tables = self._side_tables()
        report.notes += [note for table in tables.values() for note in table.notes]
        self.tell("encoding ids", 0.4)
        coded, users, items = self._encode(log)
        report.notes += quality.case_notes(users, "user") + quality.case_notes(items, "item")
        self.tell("filtering and splitting", 0.6)
        events, cuts = self._filter_and_split(coded, report)
        user_parts = _count_parts(events, "user", len(users))
        item_parts = _count_parts(events, "item", len(items))
        self._refuse_tiny(user_parts, item_parts)
        split = splits.audit(events, self.config.split, cuts, user_parts, item_parts)
        self.tell("writing events", 0.75)
        item_order, known = _item_order(item_parts)
        self._write_events(events, user_parts, item_parts, item_order)
        self.tell("writing ids and features", 0.9)
        user_ids = users.filter(pa.array(user_parts.any(axis=1)))
        item_ids = self._with_table_only(items, item_order, tables.get("item"))
        features = self._write_tables(user_ids, item_ids, tables, report)
        counts = np.zeros((len(item_ids), len(PARTS)), dtype=np.int64)
        counts[: len(item_order)] = item_parts[item_order]
        np.save(self.folder / "item_counts.npy", counts)
        columns = self.config.log.columns
        manifest = Manifest(
            fingerprint=fingerprint,
            users=len(user_ids),
            items=len(item_ids),
            events=int(user_parts.sum()),
            part_events=split["events"],
            known_items=known,
            has_order=columns.time is not None or columns.order is not None,
            has_time=columns.time is not None,
            user_features=features["user"],
            item_features=features["item"],
            settings=self.config.model_dump(mode="json"),
            quality=quality.as_document(report),
            split=split,
        )
        (self.folder / "manifest.json").write_text(manifest.model_dump_json(indent=2))

    def _read_log(self) -> tuple[ir.Table, quality.Quality]:
        config, where = self.config.log, self.files["log"]
        raw = read_table(self.con, where, config, "raw_log")
        log = quality.clean_log(self.con, raw, config, where)
        report = quality.inspect_log(log, config, where)
        quality.write_quarantine(self.con, log, config, self.folder / "quarantine.parquet")
        return log, report

    def _side_tables(self) -> dict[Side, SideTable]:
        tables: dict[Side, SideTable] = {}
        sources: tuple[tuple[Side, Table, TableConfig | None], ...] = (
            ("user", "users", self.config.users),
            ("item", "items", self.config.items),
        )
        for side, source, config in sources:
            if config is not None:
                where = self.files[source]
                with blaming_input(str(where)):
                    raw = read_table(self.con, where, config, f"raw_{source}")
                    tables[side] = read_side_table(self.con, raw, side, config, where)
        return tables

    def _encode(self, log: ir.Table) -> tuple[ir.Table, pa.ChunkedArray, pa.ChunkedArray]:
        """Replaces ids by codes in the order of the ids; drops what cannot be used."""
        usable = log.filter(log.reason.isnull()).drop("reason", "given")
        users = self._number(usable.user, "users")
        items = self._number(usable.item, "items")
        coded = _replace(usable, "user", self.con.table("users"))
        coded = _replace(coded, "item", self.con.table("items"))
        if "session" in usable.columns:
            self._number(usable.session, "sessions")
            coded = _replace(coded, "session", self.con.table("sessions"))
        self.con.create_table("coded", coded)
        return self.con.table("coded"), users, items

    def _number(self, ids: ir.Column, name: str) -> pa.ChunkedArray:
        """Numbers distinct ids from 0, outside the engine: no global window is needed."""
        found = ids.name("id").as_table().distinct().filter(lambda t: t.id.notnull())
        table = found.order_by("id").to_pyarrow()
        codes = pa.array(np.arange(len(table), dtype=np.int32))
        self.con.create_table(name, table.append_column("code", codes))
        return table["id"]

    def _filter_and_split(
        self, coded: ir.Table, report: quality.Quality
    ) -> tuple[ir.Table, splits.Cuts | None]:
        config = self.config
        single = filters.collapse_repeats(coded, config.repeats)
        if config.repeats != "keep":
            self.con.create_table("single", single)
            single = self.con.table("single")
            report.repeats_collapsed = report.rows_kept - single.count().execute()
        kept = filters.k_core(
            self.con, single, config.minimum_user_events, config.minimum_item_events
        )
        parted, cuts = splits.assign_parts(self.con, kept, config.split)
        self.con.create_table("events", parted)
        events = self.con.table("events")
        left = events.count().execute()
        report.removed_by_k_core = report.rows_kept - report.repeats_collapsed - left
        report.rows_kept = left
        return events, cuts

    def _refuse_tiny(self, user_parts: np.ndarray, item_parts: np.ndarray) -> None:
        for side, parts in (("user", user_parts), ("item", item_parts)):
            left = int(parts.any(axis=1).sum())
            if left < 2:
                raise InputError(
                    f"{self.files['log']}: {left or 'no'} {side} is left of {len(parts)}; a "
                    f"recommender needs at least two. Check `columns.{side}`, "
                    "`minimum_user_events` and `minimum_item_events`."
                )

    def _write_events(
        self,
        events: ir.Table,
        user_parts: np.ndarray,
        item_parts: np.ndarray,
        item_order: np.ndarray,
    ) -> None:
        kept = user_parts[user_parts.any(axis=1)]
        offsets = np.concatenate(([0], np.cumsum(kept.sum(axis=1)))).astype(np.int64)
        np.save(self.folder / "user_offsets.npy", offsets)
        ends = offsets[:-1, None] + np.cumsum(kept, axis=1)[:, :2]
        np.save(self.folder / "part_ends.npy", ends)
        numbers = np.full(len(item_parts), -1, dtype=np.int32)
        numbers[item_order] = np.arange(len(item_order), dtype=np.int32)
        each_alone = isinstance(self.config.split, splits.LeaveOneOutSplit)
        write_events(self.con, events, numbers, int(offsets[-1]), each_alone, self.folder)

    def _with_table_only(
        self, items: pa.ChunkedArray, item_order: np.ndarray, table: SideTable | None
    ) -> pa.ChunkedArray:
        """Items of the log in catalogue order, then those of the item table alone, by id.

        Items that the k-core removed stay out.
        """
        ordered = items.take(pa.array(item_order))
        if table is None:
            return ordered
        extra = table.table.anti_join(self.con.table("items"), "id").select("id").order_by("id")
        return pa.chunked_array([*ordered.chunks, *extra.to_pyarrow()["id"].chunks], pa.string())

    def _write_tables(
        self,
        user_ids: pa.ChunkedArray,
        item_ids: pa.ChunkedArray,
        tables: dict[Side, SideTable],
        report: quality.Quality,
    ) -> dict[Side, tuple[Feature, ...]]:
        features: dict[Side, tuple[Feature, ...]] = {"user": (), "item": ()}
        sides: tuple[tuple[Side, pa.ChunkedArray], ...] = (("user", user_ids), ("item", item_ids))
        titles = item_ids
        for side, ids in sides:
            index_name = f"{side}_index"
            numbers = pa.array(np.arange(len(ids), dtype=np.int64))
            self.con.create_table(index_name, pa.table({"id": ids, "index": numbers}))
            if side not in tables:
                continue
            index, table = self.con.table(index_name), tables[side]
            with blaming_input(f"the {side} table"):
                missing = index.anti_join(table.table, "id").count().execute()
                features[side] = encode_features(
                    self.con, table, index, len(ids), self.folder / "features"
                )
            if missing:
                report.notes.append(f"{missing} {side}s of the log have no row in the {side} table")
            if side == "item" and table.config.title is not None:
                titles = _titles(index, table.table)
        pq.write_table(pa.table({"user_id": user_ids}), self.folder / "users.parquet")
        pq.write_table(
            pa.table({"item_id": item_ids, "title": titles}), self.folder / "items.parquet"
        )
        return features


def _replace(events: ir.Table, role: str, numbered: ir.Table) -> ir.Table:
    """Ids by their codes; -1 where there is none (a missing session)."""
    numbered = numbered.select(**{f"{role}_id": numbered.id, f"{role}_code": numbered.code})
    joined = events.left_join(numbered, events[role] == numbered[f"{role}_id"])
    code = joined[f"{role}_code"].fill_null(-1)
    return joined.mutate(**{role: code}).drop(f"{role}_id", f"{role}_code")


def _titles(index: ir.Table, table: ir.Table) -> pa.ChunkedArray:
    """Titles in index order; the id where there is none."""
    named = table.select(key=table.id, title=table.title)
    rows = index.left_join(named, index.id == named.key)
    titled = rows.select("index", title=rows.title.fill_null(rows.id)).order_by("index")
    return titled.to_pyarrow()["title"]


def _count_parts(events: ir.Table, side: str, size: int) -> np.ndarray:
    """int64 [size, 3]: events of each user or item code in each part."""
    counted = events.group_by(side, "part").aggregate(n=events.count()).to_pyarrow()
    counts = np.zeros((size, len(PARTS)), dtype=np.int64)
    counts[counted[side].to_numpy(), counted["part"].to_numpy()] = counted["n"].to_numpy()
    return counts


def _item_order(item_parts: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """Catalogue order of the items that have events, and how many each part knows.

    Items with training events come first, then those that appear first in
    validation, then in test; within a group the most frequent there first. Codes
    follow the ids, so that ties are by id.
    """
    first = np.argmax(item_parts > 0, axis=1)
    there = np.flatnonzero(item_parts.any(axis=1))
    frequency = item_parts[np.arange(len(item_parts)), first]
    order = there[np.lexsort((there, -frequency[there], first[there]))]
    sizes = np.cumsum(np.bincount(first[there], minlength=len(PARTS)))
    return order, {part: int(n) for part, n in zip(PARTS, sizes, strict=True)}
