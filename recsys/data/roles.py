"""Guesses which column of an unknown log plays which role, and says why.

Names decide first, in the spelling of common logs (MovieLens, Amazon reviews,
shop exports, click streams); the content confirms, or rules out.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data import quality, splits
from recsys.data.engine import blaming_input, connect, parse_naive
from recsys.data.readers.dialect import first_cells, lines_above
from recsys.data.readers.source import Source
from recsys.data.readers.text import TextFile, text_files
from recsys.data.sources import Columns, LogConfig, locate, read_table
from recsys.data.times import guess_unit, microseconds
from recsys.errors import InputError

# Spellings without case, underscores and blanks; the likeliest first.
NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        "userid", "user", "customerid", "customer", "visitorid", "visitor", "reviewerid",
        "clientid", "client", "memberid", "member", "accountid", "account", "buyerid", "uid",
        "profileid", "householdkey", "householdid", "personid", "playerid", "cookieid", "u",
    ),
    "item": (
        "itemid", "item", "productid", "product", "movieid", "movie", "parentasin", "asin",
        "articleid", "article", "stockcode", "sku", "trackid", "songid", "artistid", "bookid",
        "isbn", "businessid", "videoid", "newsid", "contentid", "locationid", "venueid", "poiid",
        "gameid", "adid", "iid", "i",
    ),
    "time": (
        "timestamp", "eventtime", "time", "datetime", "unixreviewtime", "createdat", "ts",
        "invoicedate", "eventtimestamp", "date", "reviewtime", "orderdate", "purchasedate",
        "transactiondate", "tdat", "day",
    ),
    "event": (
        "eventtype", "event", "action", "behavior", "behaviour", "behaviortype", "actiontype",
        "interactiontype", "interaction", "type",
    ),
    "value": (
        "rating", "overall", "stars", "score", "value", "revenue", "salesvalue", "quantity", "qty",
        "amount", "price", "unitprice",
    ),
    "session": (
        "sessionid", "session", "usersession", "visitid", "invoiceno", "invoice", "basketid",
        "orderid", "transactionid",
    ),
    "order": ("position", "sequence", "seq", "sequencenumber", "step", "ordinal"),
    "split": ("split", "fold", "subset", "part", "partition"),
}  # fmt: skip
# Spellings of `value` that are no money by themselves, and those of what a piece costs.
QUANTITIES = ("quantity", "qty")
PRICES = ("price", "unitprice")
TIME_FORMATS = (
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%y %H:%M", "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M", "%d-%m-%Y",
    "%Y%m%d", "%m %d, %Y", "%b %d, %Y", "%d %b %Y", "%Y-%m-%d-%H:%M:%S",
)  # fmt: skip
EVENT_WEIGHTS = {
    "purchase": 3.0, "buy": 3.0, "order": 3.0, "transaction": 3.0, "cart": 2.0, "addtocart": 2.0,
    "removefromcart": 0.0,
}  # fmt: skip
SAMPLE = 10_000
MOST_EVENT_TYPES = 30
EARLIEST_TIME = 315_532_800_000_000  # 1980: smaller numbers are no times of a log


@dataclass(frozen=True)
class LogStatistics:
    """The size of a log, of the rows that can be used.

    Attributes:
        rows: all rows.
        unusable: rows without user, item or a readable time.
        users: distinct users.
        items: distinct items.
        density: share of the (user, item) pairs that occur, repeats counted once.
        moments_per_user: distinct times of a user's rows, the mean over users; rows
            where the log has no time.
        first: earliest time, ISO 8601 in UTC; None without times.
        last: latest time.
    """

    rows: int
    unusable: int
    users: int
    items: int
    density: float
    moments_per_user: float
    first: str | None
    last: str | None


@dataclass(frozen=True)
class RoleGuess:
    """A guessed log section of an experiment.

    Attributes:
        log: the section.
        reasons: why, by role or setting.
        notes: what a person should check.
        columns: all columns of the log.
        statistics: of the log, read by these roles.
    """

    log: LogConfig
    reasons: dict[str, str]
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    statistics: LogStatistics


def guess_roles(path: str | list[str]) -> RoleGuess:
    """Reads a log and guesses the roles of its columns.

    Args:
        path: file, folder, glob or address.

    Raises:
        InputError: the log cannot be read, or no column looks like users or items.
    """
    try:
        return _guess(path, "utf-8")
    except InputError as error:
        if "encoding" not in str(error):
            raise
        guess = _guess(path, "latin-1")
        note = "the file is no UTF-8 text: latin-1 was tried, check that accents are right"
        return RoleGuess(guess.log, guess.reasons, (note, *guess.notes), guess.columns,
                         guess.statistics)  # fmt: skip


def _guess(path: str | list[str], encoding: str) -> RoleGuess:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        con = connect(scratch, memory_gib=2.0)
        try:
            reading: dict[str, Any] = {"path": path, "encoding": encoding}
            placeholder = LogConfig(**reading, columns=Columns(user="?", item="?"))
            files = locate(placeholder, "log", scratch)
            guesser = _Guesser()
            if files.format == "csv":
                reading |= guesser.above(text_files(files)[0], placeholder)
                placeholder = LogConfig(**reading, columns=Columns(user="?", item="?"))
            source = read_table(con, files, placeholder, "raw")
            raw = source.table
            if placeholder.column_names is not None:
                guesser.by_place(raw)
            with blaming_input(str(files)):
                con.create_table("sample", raw.limit(SAMPLE))
                guesser.by_name(con.table("sample"), files)
                guesser.settings(raw)
                log = LogConfig(**reading, **guesser.options, columns=Columns(**guesser.roles))
                statistics = _statistics(con, source, log, files)
        finally:
            con.disconnect()
    return RoleGuess(log, guesser.reasons, tuple(guesser.notes), tuple(raw.columns), statistics)


def _is_value(name: str) -> bool:
    """Whether a header cell looks like data: the file has no header line."""
    return bool(re.fullmatch(r"-?\d+([.:/-]\d+)*(_\d+)?", name.strip()))


@dataclass
class _Guesser:
    roles: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def above(self, file: TextFile, config: LogConfig) -> dict[str, Any]:
        """Settings for what stands above the rows of a CSV file: titles, and a header or none."""
        skip = lines_above(file, config)
        settings: dict[str, Any] = {"skip": skip} if skip else {}
        if skip:
            self.reasons["skip"] = "lines above the header line have fewer cells"
        first = first_cells(file, config.model_copy(update=settings))
        if any(_is_value(name) for name in first):
            settings["column_names"] = [f"column_{i + 1}" for i in range(len(first))]
        return settings

    def by_place(self, raw: ir.Table) -> None:
        """Roles in a file without a header: users first, items second, as in MovieLens."""
        names = list(raw.columns)
        if len(names) < 2:
            raise InputError(f"the log has one column only ({names}): set `delimiter`")
        self.notes.append("the file has no header line: columns were taken by their place")
        for role, name in zip(("user", "item"), names, strict=False):
            self._take(role, name, "by its place in a file without a header")
        sample = raw.limit(SAMPLE)
        for name in names[2:]:
            if "time" not in self.roles and self._time_settings(sample[name]) is not None:
                self._take("time", name, "its values are times")
            elif "value" not in self.roles and _is_numeric(sample[name]):
                self._take("value", name, "its values are numbers")

    def by_name(self, sample: ir.Table, where: object) -> None:
        """Roles by the names of columns, as far as their content agrees."""
        for role, spellings in NAMES.items():
            if role in self.roles:
                continue
            taken = set(self.roles.values())
            named = [c for c in _named(sample.columns, spellings) if c not in taken]
            fitting = [c for c in named if self._fits(role, sample[c])]
            if role == "value" and self._priced(fitting):
                continue
            if fitting:
                others = f"; also possible: {', '.join(fitting[1:])}" if fitting[1:] else ""
                self._take(role, fitting[0], f"by its name{others}")
                if others:
                    self.notes.append(f"{role}: took {fitting[0]!r}{others}")
        if "time" not in self.roles:
            self._time_by_type(sample)
        if "user" not in self.roles and "session" in self.roles:
            self.roles["user"] = self.roles.pop("session")
            self.reasons["user"] = "no user column: each session is taken as a user"
            self.reasons.pop("session")
            self.notes.append("there is no user column: sessions stand for users")
        missing = [role for role in ("user", "item") if role not in self.roles]
        if missing:
            raise InputError(
                f"{where}: no column looks like the {' or the '.join(missing)}. Name it in "
                f"`columns` (`item` may be left out, for predictions about users only); the "
                f"columns are: {', '.join(sample.columns)}"
            )

    def settings(self, raw: ir.Table) -> None:
        """Settings that the roles found need: time format, event weights, least value."""
        if "time" in self.roles:
            self.options.update(self._time_settings(raw.limit(SAMPLE)[self.roles["time"]]) or {})
            if "time_format" in self.options:
                self.reasons["time_format"] = "all times sampled read that way"
        if "event" in self.roles:
            types = _event_types(raw[self.roles["event"]])
            self.options["event_weights"] = {
                name: EVENT_WEIGHTS.get(_folded(name), 1.0) for name in types
            }
            self.reasons["event_weights"] = "a guess: 0 makes an event part of histories only"
        pieces = self.roles.get("quantity", self.roles.get("value"))
        if pieces is not None and _folded(pieces) in (*QUANTITIES, "amount"):
            number = raw[pieces].cast("string").try_cast("float64")
            if (number <= 0).any().execute():
                self.options["minimum_value"] = 0.01
                self.reasons["minimum_value"] = "rows of zero or less look like returns"

    def _priced(self, fitting: list[str]) -> bool:
        """Takes price and quantity together, where the likeliest value is a quantity."""
        prices = [name for name in fitting if _folded(name) in PRICES]
        if not prices or _folded(fitting[0]) not in QUANTITIES:
            return False
        self._take("value", prices[0], "by its name, of one piece")
        self._take("quantity", fitting[0], "by its name; an event's value is price times quantity")
        return True

    def _take(self, role: str, name: str, reason: str) -> None:
        self.roles[role] = name
        self.reasons[role] = reason

    def _fits(self, role: str, values: ir.Column) -> bool:
        if role == "time":
            return self._time_settings(values) is not None
        if role in ("value", "order"):
            return _is_numeric(values)
        if role == "event":
            return 0 < len(_event_types(values)) < MOST_EVENT_TYPES
        if role == "split":
            known = {name for names in quality.SPLIT_NAMES.values() for name in names}
            return bool(set(map(str.lower, _event_types(values))) & known)
        return bool(values.notnull().any().execute())

    def _time_by_type(self, sample: ir.Table) -> None:
        kinds = [name for name, kind in sample.schema().items() if kind.is_temporal()]
        if kinds:
            self._take("time", kinds[0], "by its type")

    def _time_settings(self, values: ir.Column) -> dict[str, str] | None:
        """Settings by which nearly all values are times; None if there are none."""
        if values.type().is_timestamp() or values.type().is_date():
            return {}
        try:
            unit = guess_unit(values, "time")
            moment = microseconds(values, unit, None, "UTC")
            if _share((moment > EARLIEST_TIME).fill_null(False), values) > 0.9:
                return {}
        except InputError:  # calendar dates as numbers, which a format below reads
            pass
        text = values.cast("string").strip()
        fitting = [
            format
            for format in TIME_FORMATS
            if _share(parse_naive(text, format).notnull(), values) > 0.9
        ]
        if not fitting:
            return None
        if any(f.startswith("%m") for f in fitting) and any(f.startswith("%d") for f in fitting):
            note = f"the day and the month could be either way round: {' or '.join(fitting)}"
            if note not in self.notes:
                self.notes.append(note)
        return {"time_format": fitting[0]}


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.split(":")[0].casefold())


def _named(columns: Sequence[str], spellings: tuple[str, ...]) -> list[str]:
    """Columns whose name is one of the spellings, the likeliest spelling first."""
    found = [(spellings.index(_folded(c)), c) for c in columns if _folded(c) in spellings]
    return [name for _, name in sorted(found)]


def _share(condition: ir.BooleanValue, values: ir.Column) -> float:
    """Share of the values that are there for which a condition holds."""
    there = values.cast("string").strip().nullif("").notnull()
    size = there.sum().execute() or 0
    return int((condition & there).sum().execute()) / int(size) if size else 0.0


def _is_numeric(values: ir.Column) -> bool:
    if values.type().is_numeric():
        return True
    return _share(values.cast("string").try_cast("float64").notnull(), values) > 0.9


def _event_types(values: ir.Column) -> list[str]:
    text = values.cast("string").strip().nullif("").name("type").as_table()
    counted = text.filter(text.type.notnull()).group_by("type").aggregate(n=lambda t: t.count())
    ordered = counted.order_by(ibis.desc("n"), "type").limit(MOST_EVENT_TYPES)
    return ordered.to_pyarrow()["type"].to_pylist()


def _statistics(con: Backend, source: Source, config: LogConfig, where: object) -> LogStatistics:
    log = quality.clean_log(con, source, config, where)
    report = quality.inspect_log(log, config, where)
    usable = log.filter(log.reason.isnull())
    pairs = usable.select("user", "item").distinct().count().execute()
    kept = report.rows_kept
    has_time = "time" in log.columns
    moments = usable.select("user", "time").distinct().count().execute() if has_time else kept
    sizes = {"users": usable.user.nunique(), "items": usable.item.nunique()}
    if has_time:
        sizes |= {"first": usable.time.min(), "last": usable.time.max()}
    found = usable.aggregate(**sizes).to_pyarrow().to_pylist()[0]
    first, last = found.get("first"), found.get("last")
    return LogStatistics(
        rows=report.rows_read,
        unusable=report.rows_read - kept,
        users=found["users"],
        items=found["items"],
        density=pairs / (found["users"] * found["items"]),
        moments_per_user=moments / found["users"],
        first=None if first is None else splits.iso(first),
        last=None if last is None else splits.iso(last),
    )
