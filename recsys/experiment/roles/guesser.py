"""The guesses of :func:`recsys.experiment.roles.guess.guess_roles`, role by role."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import ibis.expr.types as ir

from recsys.data.prepare import quality
from recsys.data.sources.numbers import NumberFormat, as_number
from recsys.errors import InputError
from recsys.experiment.roles.content import (
    LONGEST_SCALE,
    MOST_EVENT_TYPES,
    TimeReading,
    counts_up,
    event_types,
    is_numeric,
    may_be_time,
    named_time_reading,
    number_format,
    time_reading,
)
from recsys.experiment.roles.names import (
    EVENT_WEIGHTS,
    NAMES,
    PRICES,
    QUANTITIES,
    folded,
    named,
)

# Events of a user below which nearly everybody has but one: such ids are rather of orders or
# sessions; and those of a column that is offered instead.
LONE, RETURNING = 1.1, 1.5
MOST_CANDIDATES = 12
# Different values that a column of times has at least, where its name does not show what it is.
FEW_TIMES = 10
# Share of rows that may be left out by default; see LogConfig.max_quarantined.
BEARABLE = 0.5


@dataclass
class Guesser:
    """Roles and settings found so far.

    Attributes:
        log: the whole log, a column for each single value.
        sample: its first rows, in the engine.
        roles: the column of each role.
        options: settings of the log section.
        reasons: why, by role or setting.
        notes: what a person should check.
        blanks: roles that are needed and not found, with the columns that may play them.
    """

    SAMPLE: ClassVar[int] = 10_000

    log: ir.Table
    sample: ir.Table
    roles: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    blanks: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = {str(place): self.log[name].approx_nunique()
                  for place, name in enumerate(self.log.columns)}  # fmt: skip
        counted = self.log.aggregate(rows=self.log.count(), **counts).to_pyarrow().to_pylist()[0]
        self.rows: int = counted.pop("rows")
        self._different = dict(zip(self.log.columns, counted.values(), strict=True))

    def take_given(self, role: str, name: str) -> None:
        """Takes a role as a person named it.

        Raises:
            InputError: its values cannot play the role.
        """
        values = self.sample[name]
        if role == "time":
            reading = named_time_reading(self.log[name], values)
            if reading.settings is None:
                raise InputError(f"--time {name}: {reading.note}")
            self._take_time(name, reading, "as you named it")
            return
        if role in ("value", "quantity", "order") and not is_numeric(values):
            example = next(iter(event_types(values)), "")
            raise InputError(f"--{role} {name}: its values are not numbers, such as {example!r}")
        self._take(role, name, "as you named it")

    def by_place(self) -> None:
        """Roles in a file without a header: users first, items second, as in MovieLens."""
        # A first column that numbers the rows is not an id.
        names = [n for n in self.log.columns if self._different[n] < 0.9 * self.rows] or []
        names = names if len(names) > 1 else list(self.log.columns)
        self.notes.append("the file has no header line: columns were taken by their place")
        free = [name for name in names if name not in self.roles.values()]
        for role in ("user", "item"):
            if role not in self.roles and free:
                self._take(role, free.pop(0), "by its place in a file without a header")
        for name in [n for n in self.log.columns if n not in self.roles.values()]:
            reading = self._reading(name) if "time" not in self.roles else None
            if reading is not None and reading.settings is not None:
                self._take_time(name, reading, "its values are times")
            elif "value" not in self.roles and name in free and is_numeric(self.sample[name]):
                self._take("value", name, "its values are numbers")

    def by_name(self) -> None:
        """Roles by the names of columns, as far as their content agrees."""
        for role in NAMES:
            if role in self.roles:
                continue
            candidates = self._named(role)
            if role == "time":
                self._time_by_name(candidates)
                continue
            fitting = [name for name in candidates if self._fits(role, name)]
            if role == "value" and self._priced(fitting):
                continue
            if fitting:
                others = f"; also possible: {', '.join(fitting[1:])}" if fitting[1:] else ""
                self._take(role, fitting[0], f"by its name{others}")
                if others:
                    self.notes.append(f"{role}: took {fitting[0]!r}{others}")
            if role == "user":
                self._doubt_user(fitting)

    def settle(self) -> None:
        """What the roles found need: stand-ins, blanks, formats, event weights, least value."""
        if "user" not in self.roles and "session" in self.roles:
            self.roles["user"] = self.roles.pop("session")
            self.reasons["user"] = "no user column: each session is taken as a user"
            self.reasons.pop("session")
            self.notes.append("there is no user column: sessions stand for users")
        if "user" in self.roles and not {"time", "order"} & set(self.roles):
            self._order_by_content()
        for role in ("user", "item"):
            if role not in self.roles:
                self.blanks[role] = self._candidates()
        self._set_number_format()
        if "event" in self.roles:
            self.options["event_weights"] = {
                name: EVENT_WEIGHTS.get(folded(name), 1.0)
                for name in event_types(self.log[self.roles["event"]])
            }
            self.reasons["event_weights"] = "a guess: 0 makes an event part of histories only"
        pieces = self.roles.get("quantity", self.roles.get("value"))
        if pieces is not None and folded(pieces) in (*QUANTITIES, "amount"):
            number = as_number(self.log[pieces], self._format(pieces))
            if (number <= 0).any().execute():
                self.options["minimum_value"] = 0.01
                self.reasons["minimum_value"] = "rows of zero or less look like returns"

    def give_up_order(self) -> None:
        """Leaves out a time or an order of so few different values that no split can use it."""
        role = "time" if "time" in self.roles else "order"
        name = self.roles.pop(role)
        self.reasons.pop(role)
        if role == "time":
            self.options.pop("time_format", None)
        few = "it has fewer than three different values"
        if role == "order":
            few = "no user has three different values of it"
        self.notes.append(
            f"{role}: {name!r} was not taken: {few}, so nothing can be held out by it"
        )

    def bear(self, unusable: int, rows: int) -> None:
        """Allows as many unusable rows as there are, with a note."""
        if unusable > BEARABLE * rows:
            self.options["max_quarantined"] = min(1.0, math.ceil(unusable / rows * 20) / 20)
            self.reasons["max_quarantined"] = f"{unusable:,} of {rows:,} rows cannot be used"
            self.notes.append(f"{unusable:,} of {rows:,} rows cannot be used: see `data check`")

    def _take(self, role: str, name: str, reason: str) -> None:
        self.roles[role] = name
        self.reasons[role] = reason

    def _named(self, role: str) -> list[str]:
        taken = set(self.roles.values())
        return [name for name in named(self.log.columns, role) if name not in taken]

    def _reading(self, name: str) -> TimeReading:
        return time_reading(self.log[name], self.sample[name])

    def _time_by_name(self, candidates: list[str]) -> None:
        """The first column that reads as times, by name or by type; notes what keeps others out."""
        refused: dict[str, TimeReading] = {}
        for name in candidates:
            reading = self._reading(name)
            if reading.settings is not None:
                self._take_time(name, reading, "by its name")
                return
            refused[name] = reading
        taken = set(self.roles.values())
        for name, kind in self.log.schema().items():
            if kind.is_temporal() and name not in taken and name not in refused:
                reading = self._reading(name)
                if reading.settings is not None:
                    self._take_time(name, reading, "by its type")
                    return
        for name in self.log.columns:
            if name not in taken and name not in refused and self._different[name] > FEW_TIMES:
                if not may_be_time(self.sample[name]):
                    continue
                reading = self._reading(name)
                if reading.settings is not None:
                    self._take_time(name, reading, "its values look like times")
                    self.notes.append(f"time: took {name!r}, as its values look like times")
                    return
        for name, reading in refused.items():
            if reading.counts and "order" not in self.roles:
                self._take("order", name, "by its name; it counts from a start of its own")
                self.notes.append(
                    f"order: {name!r} looks like a time that counts from a start of its own: it "
                    "orders the events of a user, and cannot split by date"
                )
            else:
                self.notes.append(f"time: {name!r} was not taken: {reading.note}")

    def _take_time(self, name: str, reading: TimeReading, reason: str) -> None:
        self._take("time", name, reason)
        self.options |= reading.settings or {}
        if "time_format" in self.options:
            self.reasons["time_format"] = "reads most times"
        if reading.note:
            self.notes.append(f"time: {name!r}: {reading.note}")

    def _fits(self, role: str, name: str) -> bool:
        values = self.sample[name]
        if role == "value":
            return is_numeric(values)
        if role == "order":
            is_alone = not {"time", "order"} & set(self.roles)
            if is_alone or folded(name) in NAMES["session"]:
                return "user" in self.roles and counts_up(self.log, self.roles["user"], name)
            return is_numeric(values)
        if role == "event":
            return 0 < len(event_types(self.log[name])) < MOST_EVENT_TYPES
        if role == "split":
            known = {each for names in quality.SPLIT_NAMES.values() for each in names}
            found = set(map(str.lower, event_types(self.log[name])))
            if found & known and found - known:
                odd = ", ".join(sorted(found - known))
                self.notes.append(f"split: {name!r} was not taken: it holds {odd}, too")
            return bool(found) and found <= known
        return bool(values.notnull().any().execute())

    def _priced(self, fitting: list[str]) -> bool:
        """Takes price and quantity together, where the likeliest value is a quantity."""
        prices = [name for name in fitting if folded(name) in PRICES]
        if not prices or folded(fitting[0]) not in QUANTITIES:
            return False
        self._take("value", prices[0], "by its name, of one piece")
        self._take("quantity", fitting[0], "by its name; an event's value is price times quantity")
        return True

    def _doubt_user(self, fitting: list[str]) -> None:
        """Looks for a better column where nearly every user would have one event only."""
        if "user" not in self.roles or self._events_per("user") >= LONE:
            return
        name, each = self.roles["user"], self._events_per("user")
        better = [other for other in fitting[1:] if self._rows_per(other) >= RETURNING]
        if better:
            self._take("user", better[0], f"by its name; {name!r} has {each:.1f} rows a value")
            self.notes.append(
                f"user: took {better[0]!r}, as nearly every {name!r} has one row only "
                f"({each:.1f} a value): it may be of an order or a session"
            )
            return
        others = [other for other in self._candidates() if other != name]
        offered = f"; columns that repeat: {', '.join(others)}" if others else ""
        self.notes.append(
            f"user: nearly every {name!r} has one row only ({each:.1f} a value), and nothing can "
            f"be learned from such: it may be of an order or a session{offered}"
        )

    def _events_per(self, role: str) -> float:
        return self._rows_per(self.roles[role])

    def _rows_per(self, name: str) -> float:
        return self.rows / max(self._different[name], 1)

    def _candidates(self) -> tuple[str, ...]:
        """Columns that may hold ids: not taken, not constant, and not different in every row."""
        taken = set(self.roles.values())
        found = [
            name
            for name in self.log.columns
            if name not in taken and self._different[name] > 1 and self._rows_per(name) >= LONE
        ]
        found = found or [name for name in self.log.columns if name not in taken]
        found.sort(key=lambda name: -self._different[name])
        return tuple(found[:MOST_CANDIDATES])

    def _order_by_content(self) -> None:
        taken = set(self.roles.values())
        for name in self.log.columns:
            if name in taken or not is_numeric(self.sample[name]):
                continue
            if counts_up(self.log, self.roles["user"], name, LONGEST_SCALE):
                self._take("order", name, "its values count what each user did")
                self.notes.append(f"order: took {name!r}, which counts up within users")
                return

    def _set_number_format(self) -> None:
        for role in ("value", "quantity", "order"):
            if role in self.roles and (found := number_format(self.log[self.roles[role]])):
                self.options |= found
                reason = f"numbers of {self.roles[role]!r} are written so"
                self.reasons |= dict.fromkeys(found, reason)

    def _format(self, name: str) -> NumberFormat:
        return NumberFormat(**number_format(self.log[name]))  # type: ignore[arg-type]
