"""The size of a log, how users come back to items, and which split can be made of it."""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data.prepare import quality, splits
from recsys.data.sources.config import LogConfig
from recsys.data.sources.readers.source import Source

DAY = 86_400_000_000


@dataclass(frozen=True)
class LogStatistics:
    """The size of a log, of the rows that can be used.

    Attributes:
        rows: all rows.
        unusable: rows without user, item or a usable time, by reason.
        users: distinct users.
        items: distinct items.
        density: share of the (user, item) pairs that occur, repeats counted once.
        groups_per_user: timestamp groups of a user, distinct times (or order numbers) of the
            rows, the mean over users; rows where the log has neither.
        in_baskets: share of what users did (items of a timestamp group) in groups of several
            items; 0 where the log has neither time nor order.
        repeats: share of what users did (items of a day; without times of an order number,
            without either rows) that they had done before with the same item.
        first: earliest time, ISO 8601 in UTC; None without times.
        last: latest time.
        split: the section of an experiment; None if the log's time or order allows none.
    """

    rows: int
    unusable: dict[str, int]
    users: int
    items: int
    density: float
    groups_per_user: float
    in_baskets: float
    repeats: float
    first: str | None
    last: str | None
    split: dict[str, Any] | None


def measure(con: Backend, source: Source, config: LogConfig, where: object) -> LogStatistics:
    """Reads a log by its roles and counts.

    Args:
        con: the engine.
        source: the log.
        config: its section.
        where: its files, for messages.

    Raises:
        InputError: no row can be used.
    """
    con.raw_sql("DROP TABLE IF EXISTS log")
    log = quality.clean_log(con, source, config, where)
    accepting = config.model_copy(update={"max_quarantined": 1.0})
    report = quality.count_rows(log, source.places, accepting, where)
    usable = log.filter(log.reason.isnull())
    pairs = usable.select("user", "item").distinct().count().execute()
    group = next((key for key in ("time", "order") if key in usable.columns), None)
    times = {}
    if group == "time":
        times = {"first": usable.time.min(), "last": usable.time.max()}
    sizes = usable.aggregate(users=usable.user.nunique(), items=usable.item.nunique(), **times)
    found = sizes.to_pyarrow().to_pylist()[0]
    groups, done, in_baskets = report.rows_kept, report.rows_kept, 0.0
    if group is not None:
        groups, in_baskets = _timestamp_groups(usable, group)
        day = usable.time // DAY if group == "time" else usable.order
        done = usable.select("user", "item", day=day).distinct().count().execute()
    return LogStatistics(
        rows=report.rows_read,
        unusable=report.quarantined,
        users=found["users"],
        items=found["items"],
        density=pairs / (found["users"] * found["items"]),
        groups_per_user=groups / found["users"],
        in_baskets=in_baskets,
        repeats=1 - pairs / done,
        first=splits.iso(found["first"]) if times else None,
        last=splits.iso(found["last"]) if times else None,
        split=_split(usable, group, config),
    )


def _timestamp_groups(usable: ir.Table, group: str) -> tuple[int, float]:
    """How many there are, and the share of their items that are in groups of several."""
    items = usable.select("user", "item", group=usable[group]).distinct()
    sizes = items.group_by("user", "group").aggregate(items=items.count())
    found = sizes.aggregate(
        groups=sizes.count(),
        items=sizes["items"].sum(),
        in_baskets=sizes["items"].sum(where=sizes["items"] > 1),
    )
    counts = found.to_pyarrow().to_pylist()[0]
    return counts["groups"], (counts["in_baskets"] or 0) / counts["items"]


def _split(usable: ir.Table, group: str | None, config: LogConfig) -> dict[str, Any] | None:
    if group == "time":
        return _split_by_time(usable)
    if group == "order":
        groups = usable.group_by("user").aggregate(groups=usable.order.nunique())
        return {"kind": "leave_one_out"} if (groups.groups >= 3).any().execute() else None
    return {"kind": "fixed" if config.columns.split else "random"}


def _split_by_time(usable: ir.Table) -> dict[str, Any] | None:
    """Cuts by quantiles, or before the last two times where those would leave a part empty."""
    defaults = splits.TimeSplit()
    cuts = usable.aggregate(
        first=usable.time.quantile(defaults.validation_quantile),
        second=usable.time.quantile(defaults.test_quantile),
        last=usable.time.max(),
    )
    found = cuts.to_pyarrow().to_pylist()[0]
    if found["first"] < found["second"] < found["last"]:
        between = usable.filter(
            (usable.time > int(found["first"])) & (usable.time <= int(found["second"]))
        )
        if between.count().execute():
            return {"kind": "time"}
    latest = usable.select("time").distinct().order_by(ibis.desc("time")).limit(3)
    times = latest.to_pyarrow()["time"].to_pylist()
    if len(times) < 3:
        return None
    return {
        "kind": "time",
        "validation_from": splits.iso(times[1]),
        "test_from": splits.iso(times[0]),
    }
