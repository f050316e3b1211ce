"""A log as a stream of events, checked before the first of them is replayed."""

import difflib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.duckdb import Backend

from recsys.data.prepare.filters import in_order
from recsys.data.prepare.quality import ROLES, clean_log, count_rows
from recsys.data.prepare.splits import iso
from recsys.data.sources.engine import blaming_input, connect, stream
from recsys.data.sources.read import locate, read_table
from recsys.errors import InputError
from recsys.marketing.realtime.config import ReplayConfig
from recsys.protection.forgotten import FORGOTTEN, NOBODY, ForgottenUsers
from recsys.protection.pseudonyms import Pseudonyms
from recsys.system.display import counted

logger = logging.getLogger(__name__)

MEMORY_GIB = 2.0
BATCH = 1 << 14
DUPLICATE = "duplicate"


class Event(NamedTuple):
    """What a user did.

    Attributes:
        row: in the log, from 1.
        user: id.
        item: id.
        time: microseconds since 1970 UTC.
        type: None where the log has no types.
        session: None where the log has no sessions, or the event is of none.
    """

    row: int
    user: str
    item: str
    time: int
    type: str | None = None
    session: str | None = None


@dataclass(frozen=True)
class Stream:
    """Events in order; iterate once over it.

    Attributes:
        where: the files, for messages.
        events: how many there are.
        types: of all events in the log; empty where it has none.
        items: ids of the items, each once.
        left_out: a row per row of the log that is not an event: ``row`` (from 1), ``reason``, and
            the columns read, as text; of a line that is not a row ``file`` and ``line`` (from 1).
    """

    where: str
    events: int
    types: tuple[str, ...]
    items: tuple[str, ...]
    left_out: pd.DataFrame
    _con: Backend
    _ordered: ir.Table

    def users(self) -> tuple[str, ...]:
        """Ids of the users, each once."""
        return _distinct(self._ordered, "user")

    def __iter__(self) -> Iterator[Event]:
        for batch in stream(self._con, self._ordered, BATCH):
            for values in batch.to_pylist():
                yield Event(**values)


@contextmanager
def open_stream(
    config: ReplayConfig,
    pseudonyms: Pseudonyms | None = None,
    forgotten: ForgottenUsers = NOBODY,
) -> Iterator[Stream]:
    """Opens the events of a replay, up to its end.

    Args:
        config: of the replay.
        pseudonyms: what user ids are replaced by; None: they stay.
        forgotten: users whose events are left out, with a warning that counts them.

    Raises:
        InputError: the log cannot be read, too many of its rows are unusable, rows are
            duplicates or out of order, or a trigger looks for events that do not occur.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        con = connect(scratch, MEMORY_GIB)
        try:
            yield _checked(con, config, scratch, pseudonyms, forgotten)
        finally:
            con.disconnect()


def _checked(
    con: Backend,
    config: ReplayConfig,
    scratch: Path,
    pseudonyms: Pseudonyms | None,
    forgotten: ForgottenUsers,
) -> Stream:
    files = locate(config.stream, "log", scratch)
    with blaming_input(str(files)):
        given = config.stream
        source = read_table(
            con, files, given, "given", given.columns.named, given.where is not None
        )
        log = clean_log(con, source, given, files, pseudonyms=pseudonyms, forgotten=forgotten)
        found = count_rows(log, source.places, config.stream, files)
        if rows := found.quarantined.get(FORGOTTEN):
            logger.warning("left out: %s of users who are to be forgotten", counted(rows, "row"))
        events, repeats = _without_repeats(con, log)
        if config.duplicates == "refuse":
            _refuse_repeats(repeats, str(files))
        if not config.sorted:
            _refuse_disorder(events, str(files))
        types = _distinct(events, "event") if "event" in events.columns else ()
        _check_types(config, types, str(files))
        if config.ends is not None:
            events = events.filter(events.time < config.ends)
        return Stream(
            where=str(files),
            events=int(events.count().execute()),
            types=types,
            items=_distinct(events, "item"),
            left_out=_left_out(con, log, repeats, config),
            _con=con,
            _ordered=_in_order(events, config.sorted),
        )


def _in_order(events: ir.Table, by_time: bool) -> ir.Table:
    """The fields of :class:`Event`, as far as the log has them."""
    numbered = events.mutate(row=events.row + 1)
    if "event" in events.columns:
        numbered = numbered.rename(type="event")
    ordered = numbered.order_by(*(in_order(events) if by_time else ["row"]))
    return ordered.select(*(field for field in Event._fields if field in ordered.columns))


def _distinct(events: ir.Table, column: str) -> tuple[str, ...]:
    found = events.select(column).distinct().order_by(column)
    return tuple(found.to_pyarrow()[column].to_pylist())


def _without_repeats(con: Backend, log: ir.Table) -> tuple[ir.Table, pd.DataFrame]:
    """The usable rows, and those that equal an earlier one (``first``) in all roles."""
    usable = log.filter(log.reason.isnull()).drop("reason", "given")
    roles = [role for role in ROLES if role in usable.columns]
    first = usable.row.min().over(ibis.window(group_by=roles))
    con.create_table("usable", usable.mutate(first=first))
    marked = con.table("usable")
    repeats = marked.filter(marked.row != marked["first"]).order_by("row")
    return marked.filter(marked.row == marked["first"]).drop("first"), con.to_pandas(repeats)


def _refuse_repeats(repeats: pd.DataFrame, where: str) -> None:
    if repeats.empty:
        return
    row = repeats.iloc[0]
    raise InputError(
        f"{where}: row {row['row'] + 1} (user {row['user']!r}, item {row['item']!r}, "
        f"{iso(int(row['time']))}) repeats row {row['first'] + 1}, and so do {len(repeats):,} rows "
        "in all: they are equal to an earlier one in every column read. Set `duplicates: drop` "
        "to leave them out, or map a column that tells them apart."
    )


def _refuse_disorder(events: ir.Table, where: str) -> None:
    arrival = ibis.window(order_by="row")
    columns = {f"{name}_before": events[name].lag().over(arrival) for name in ("row", "time")}
    follows = events.select("row", "user", "time", **columns)
    fallen = follows.filter(follows.time < follows.time_before).order_by("row")
    found = fallen.limit(1).to_pyarrow().to_pylist()
    if found:
        row = found[0]
        raise InputError(
            f"{where}: row {row['row'] + 1} (user {row['user']!r}) is of {iso(row['time'])}, "
            f"before row {row['row_before'] + 1} of {iso(row['time_before'])}: the stream is out "
            "of order. Set `sorted: true` to replay a log by its times, or mend what wrote it."
        )


def _check_types(config: ReplayConfig, types: Sequence[str], where: str) -> None:
    for trigger in config.triggers:
        for name in trigger.event_types:
            if name not in types:
                near = difflib.get_close_matches(name, types, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise InputError(
                    f"the trigger {trigger.name!r} looks for events of the type {name!r}, and "
                    f"{where} has none.{hint} Its types: {', '.join(types[:30])}"
                )


def _left_out(
    con: Backend, log: ir.Table, repeats: pd.DataFrame, config: ReplayConfig
) -> pd.DataFrame:
    roles = [role for role in ROLES if getattr(config.stream.columns, role) is not None]
    bad = log.filter(log.reason.notnull() & (log.reason != FORGOTTEN))
    given = {role: bad.given[role] for role in roles}
    # Not the raw line: it may name a user who wants to be left out.
    place = {name: bad[name] for name in ("file", "line")}
    unusable = con.to_pandas(bad.select("row", "reason", **given, **place))
    columns: dict[str, Any] = {
        role: repeats[role].map(iso if role == "time" else str)
        for role in roles
        if role in repeats  # quantities are in the values
    }
    repeated = pd.DataFrame({"row": repeats["row"], "reason": DUPLICATE, **columns})
    whole = {"row": "Int64", "line": "Int64"}
    found = pd.concat([unusable.astype(whole), repeated.astype({"row": "Int64"})])
    found = found.sort_values(["row", "file", "line"], ignore_index=True)
    return found.assign(row=found["row"] + 1)
