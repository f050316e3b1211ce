"""From the files of a log and its tables to the folder of a dataset, step by step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsys.data.feature import Feature, Side
from recsys.data.manifest import PARTS, Manifest
from recsys.data.prepare import filters, quality, splits, variants
from recsys.data.prepare.attribute_table import write_attributes
from recsys.data.prepare.catalogue import (
    Catalogue,
    build_catalogue,
    index_table,
    read_titles,
    write_items,
    write_users,
)
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.encode import encode_ids
from recsys.data.prepare.features.encode import encode_event_features, encode_features
from recsys.data.prepare.findings import Quality
from recsys.data.prepare.matching import match
from recsys.data.prepare.side_table import SideTable, TableConfig, read_side_table
from recsys.data.prepare.writing import write_events, write_offsets
from recsys.data.sources.engine import blaming_input
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.public import Table
from recsys.data.sources.read import column, read_table
from recsys.data.sources.times import zone_notes
from recsys.errors import InputError
from recsys.protection.encryption import Encryption
from recsys.protection.forgotten import NOBODY, ForgottenUsers
from recsys.protection.pseudonyms import Pseudonyms

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Builder:
    """Builds the folder of one dataset.

    Attributes:
        con: the engine, whose tables are the steps' results.
        config: what to prepare.
        files: of each table.
        folder: to write; it must not exist.
        tell: called with what is being done and the share done.
        pseudonyms: what user ids are replaced by; None: they stay.
        forgotten: users who are left out.
        encryption: of the tables that hold ids of users; None: they are not encrypted.
    """

    con: Backend
    config: DataConfig
    files: dict[Table, SourceFiles]
    folder: Path
    tell: Progress
    pseudonyms: Pseudonyms | None = None
    forgotten: ForgottenUsers = NOBODY
    encryption: Encryption | None = None

    def build(self, fingerprint: str, source_fingerprint: str) -> None:
        """Does all of it; the manifest, which has the fingerprints, is written last.

        Raises:
            InputError: anything about the log, the tables or the settings that a user can mend.
        """
        (self.folder / "features").mkdir(parents=True)
        self.tell("reading the log", 0.02)
        log, report = self._read_log()
        self.tell("reading side tables", 0.35)
        tables = self._read_tables(report)
        self.tell("encoding ids", 0.4)
        encoded = encode_ids(self.con, log)
        report.notes += variants.variant_notes(encoded.users, "user")
        report.notes += variants.variant_notes(encoded.items, "item")
        report.notes += variants.spelling_notes(log)
        report.notes += variants.word_notes(self.con, log, self.config.log)
        report.notes += variants.list_notes(encoded.items)
        report.exact_repeats = quality.count_exact_repeats(encoded.events)
        self.tell("filtering and splitting", 0.6)
        events, cuts = self._filter_and_split(encoded.events, report)
        self._count_all(events, report)
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
        events, event_features = self._encode_event_features(events, report)
        write_events(
            self.con,
            events,
            catalogue.numbers,
            report.rows_kept,
            self.folder,
            features=event_features,
        )
        self.tell("writing ids and features", 0.9)
        for role, names in encoded.names.items():
            pq.write_table(pa.table({"name": names}), self.folder / f"{role}s.parquet")
        users = encoded.users.filter(pa.array(is_kept))
        user_features = self._write_users(users, tables.get("user"), report)
        item_features = self._write_items(catalogue, tables.get("item"), report)
        columns = self.config.log.columns
        manifest = Manifest(
            fingerprint=fingerprint,
            encryption=None if self.encryption is None else self.encryption.as_document(),
            source_fingerprint=source_fingerprint,
            forgotten=self.forgotten.digest if self.forgotten else None,
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
            event_features=event_features,
            versions={
                side: source.snapshot.version.as_document()
                for side, source in self.files.items()
                if source.snapshot is not None
            },
            settings=self.config.model_dump(mode="json"),
            quality=quality.as_document(report),
            split=split,
            pseudonyms=None if self.pseudonyms is None else self.pseudonyms.as_document(),
        )
        self.tell("taking digests", 0.95)
        manifest.write(self.folder)

    def _read_log(self) -> tuple[ir.Table, Quality]:
        config, where = self.config.log, self.files["log"]
        with blaming_input(str(where)):
            source = read_table(
                self.con,
                where,
                config,
                "raw_log",
                config.roles,
                config.where is not None,
                config.span,
            )
            columns = {name: each.column or name for name, each in config.features.items()}
            log = quality.clean_log(
                self.con,
                source,
                config,
                where,
                columns,
                self.pseudonyms,
                self.forgotten,
                config.span,
            )
            zones = []
            if config.columns.time is not None:
                given = column(source.table, config.columns.time, "time", where)
                zones = zone_notes(given, config)
            source.drop(self.con)
            report = quality.inspect_log(log, source.places, config, where, source.skipped)
            report.notes += [*source.notes, *zones]
            if self.pseudonyms is not None:
                report.notes.append(
                    f"user ids are pseudonyms, by the key {self.pseudonyms.key.name!r} (id "
                    f"{self.pseudonyms.key.id}): user ids that differ in case, form or blanks "
                    "only are not looked for"
                )
            path = self.folder / "quarantine.parquet"
            quality.write_quarantine(
                self.con, log, source.places, config, path, self.forgotten, self.encryption
            )
        return log, report

    def _read_tables(self, report: Quality) -> dict[Side, SideTable]:
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
                    replaced = self.pseudonyms if side == "user" else None
                    left_out = self.forgotten if side == "user" else NOBODY
                    tables[side] = read_side_table(
                        self.con, raw.table, side, config, where, replaced, left_out
                    )
                    unread = raw.note(where, quotes=side != "user")
                report.notes += [*raw.notes, *tables[side].notes, *([unread] if unread else [])]
        return tables

    def _filter_and_split(
        self, events: ir.Table, report: Quality
    ) -> tuple[ir.Table, splits.Cuts | None]:
        con, config, keep = self.con, self.config, self.config.repeats
        single = filters.collapse_repeats(events, keep)
        if keep == "first":
            con.create_table("single", single)
            events = single = con.table("single")
            report.repeats_collapsed = report.rows_kept - events.count().execute()
        least = config.minimum_user_events, config.minimum_item_events, config.minimum_item_users
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

    def _count_all(self, events: ir.Table, report: Quality) -> None:
        """Every row that was read is an event, or was left out and counted."""
        left_out = sum(report.quarantined.values())
        gone = left_out + report.repeats_collapsed + report.removed_by_k_core
        assert report.rows_read == report.rows_kept + gone
        assert report.rows_kept == events.count().execute()

    def _refuse_none(self, events: ir.Table, core: ir.Table) -> None:
        """Refuses minima that leave nothing to split."""
        minima = {"user": self.config.minimum_user_events, "item": self.config.minimum_item_events}
        used = {side: minimum for side, minimum in minima.items() if minimum > 1}
        used_users = self.config.minimum_item_users > 1
        if not (used or used_users) or core.limit(1).count().execute():
            return
        said = []
        for side, minimum in used.items():
            most = events.group_by(side).aggregate(n=events.count()).n.max().execute()
            said.append(f"data.minimum_{side}_events is {minimum} (the most of one {side}: {most})")
        if (minimum := self.config.minimum_item_users) > 1:
            most = events.group_by("item").aggregate(n=events.user.nunique()).n.max().execute()
            said.append(f"data.minimum_item_users is {minimum} (the most of one item: {most})")
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

    def _encode_event_features(
        self, events: ir.Table, report: Quality
    ) -> tuple[ir.Table, tuple[Feature, ...]]:
        log = self.config.log
        with blaming_input(str(self.files["log"])):
            events, features, notes = encode_event_features(
                self.con, events, log, self.folder / "features"
            )
        report.notes += notes
        return events, features

    def _write_users(
        self, ids: pa.ChunkedArray, table: SideTable | None, report: Quality
    ) -> tuple[Feature, ...]:
        write_users(ids, self.folder, self.encryption)
        if table is None:
            return ()
        index = index_table(self.con, ids, "user_index")
        return self._write_features(index, len(ids), table, report)

    def _write_items(
        self, catalogue: Catalogue, table: SideTable | None, report: Quality
    ) -> tuple[Feature, ...]:
        if table is None:
            write_items(catalogue, catalogue.ids, self.folder)
            return ()
        index = index_table(self.con, catalogue.ids, "item_index")
        titled = table.config.title is not None
        titles = read_titles(index, table.table) if titled else catalogue.ids
        write_items(catalogue, titles, self.folder)
        features = self._write_features(index, catalogue.known["test"], table, report)
        if table.config.attributes:
            with blaming_input("the item table"):
                size = len(catalogue.ids)
                report.notes += write_attributes(self.con, table, index, size, self.folder)
        return features

    def _write_features(
        self, index: ir.Table, of_the_log: int, table: SideTable, report: Quality
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
        int64 [size, 3] each: the events, and those of a weight above 0.
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
