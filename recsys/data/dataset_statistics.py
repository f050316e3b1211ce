"""A prepared log in numbers: how much there is when, of what and by whom, and what repeats.

Before anything is trained they show what can be learned: whether a few items are everything,
whether users come back to what they had, whether tomorrow's items are today's, and what the split
left of it.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from recsys.data.dataset import Dataset
from recsys.data.manifest import PARTS
from recsys.data.sources.text import normal_id
from recsys.errors import InputError

Period = Literal["hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
HOURS = {"hour": 1, "day": 24, "week": 24 * 7, "month": 24 * 30}
UNITS = {"hour": "h", "day": "D", "month": "M"}
# The most periods that are still seen one by one.
MOST_BARS, MOST_STEPS = 130, 30


class DatasetStatistics:
    """The events of a dataset, counted.

    Args:
        dataset: prepared. What was left out of it is not counted.

    Example:
        >>> import tempfile
        >>> log = pd.DataFrame({
        ...     "u": ["ann", "bob"] * 5,
        ...     "i": ["x", "x", "y", "z", "z", "y", "w", "w", "x", "x"],
        ...     "t": pd.date_range("2026-01-01", periods=10, tz="UTC"),
        ... })
        >>> data = Dataset.from_frame(
        ...     log, user="u", item="i", time="t", validation_quantile=0.5, test_quantile=0.7,
        ...     runs_dir=tempfile.mkdtemp(),
        ... )
        >>> data.statistics.parts().events.to_dict()
        {'train': 5, 'validation': 2, 'test': 3, 'all': 10}
        >>> data.statistics.long_tail()[["item", "events"]].values.tolist()
        [['x', 4], ['z', 2], ['y', 2], ['w', 2]]
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def parts(self) -> pd.DataFrame:
        """What the split made of the log.

        Returns:
            A row a part, and ``all``: ``events``, ``targets`` (events of a weight above 0),
            ``users``, ``items``, ``events_per_user`` (the median), ``new_users`` and
            ``new_items`` (shares of the part's users and items that training never saw),
            ``first`` and ``last`` (times in UTC; missing in a log without).
        """
        rows = {}
        trained = self._part == 0
        known_users = np.unique(self._user[trained])
        known_items = np.unique(self._item[trained])
        for number, name in enumerate((*PARTS, "all")):
            chosen = slice(None) if name == "all" else self._part == number
            users, per_user = np.unique(self._user[chosen], return_counts=True)
            items = np.unique(self._item[chosen])
            times = self._times[chosen] if self.dataset.manifest.has_time else np.zeros(0)
            rows[name] = {
                "events": int(per_user.sum()),
                "targets": int((self.dataset.event_weights[chosen] > 0).sum()),
                "users": len(users),
                "items": len(items),
                "events_per_user": float(np.median(per_user)) if len(per_user) else np.nan,
                "new_users": _share_without(users, known_users),
                "new_items": _share_without(items, known_items),
                "first": _timestamp(int(times.min()) if len(times) else None),
                "last": _timestamp(int(times.max()) if len(times) else None),
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def volume(self, period: Period | None = None) -> pd.DataFrame:
        """Events over time.

        Args:
            period: hour, day, week (from Monday) or month, in UTC; the finest that gives at most
                130 by default.

        Returns:
            A row a period, by its begin, also where nothing happened: the events of ``train``,
            ``validation`` and ``test``, and ``users``, how many were there.

        Raises:
            InputError: the log has no times.
        """
        numbers, begins = self._periods(period, MOST_BARS)
        cells = numbers * len(PARTS) + self._part
        counts = np.bincount(cells, minlength=len(begins) * len(PARTS)).reshape(-1, len(PARTS))
        pairs = np.unique(numbers * self.dataset.users + self._user)
        users = np.bincount(pairs // self.dataset.users, minlength=len(begins))
        table = pd.DataFrame(counts, columns=list(PARTS), index=begins)
        return table.assign(users=users)

    def long_tail(self) -> pd.DataFrame:
        """Items by how much happens with them.

        Returns:
            A row an item, the most frequent first: ``item``, ``title``, ``events``, ``share`` of
            all events, and ``cumulative``, the share of the items up to here. Items of the item
            table alone have no events.
        """
        counts = np.bincount(self._item, minlength=self.dataset.items)
        order = np.argsort(-counts, kind="stable")
        ids, titles = self.dataset.item_ids, self.dataset.item_titles
        share = counts[order] / counts.sum()
        return pd.DataFrame(
            {
                "item": [ids[place] for place in order],
                "title": [titles[place] for place in order],
                "events": counts[order],
                "share": share,
                "cumulative": np.cumsum(share),
            }
        )

    def events_per_user(self) -> pd.DataFrame:
        """How many users have how many events.

        Returns:
            By number of events that occurs: ``users``, ``share`` of all users, and
            ``at_least``, the share that has as many or more.
        """
        lengths, users = np.unique(np.diff(self.dataset.user_offsets), return_counts=True)
        share = users / users.sum()
        at_least = np.cumsum(share[::-1])[::-1]
        index = pd.Index(lengths, name="events")
        return pd.DataFrame({"users": users, "share": share, "at_least": at_least}, index=index)

    def repeats(self) -> pd.DataFrame:
        """How much users come back to items that they had before.

        What is done at one time (a basket) is not a repeat of itself.

        Returns:
            A row a part, and ``all``: ``events``, ``repeats`` (events whose item the user had
            before) and ``share``. Under ``seen: exclude`` such events are not targets.
        """
        pairs = self._user * np.int64(self.dataset.items) + self._item
        _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
        is_repeat = first[inverse] < np.asarray(self.dataset.history_ends)
        rows = {}
        for number, name in enumerate((*PARTS, "all")):
            chosen = slice(None) if name == "all" else self._part == number
            events, repeats = len(self._part[chosen]), int(is_repeat[chosen].sum())
            share = repeats / events if events else np.nan
            rows[name] = {"events": events, "repeats": repeats, "share": share}
        return pd.DataFrame.from_dict(rows, orient="index")

    def drift(self, period: Period | None = None) -> pd.DataFrame:
        """How what happens changes from one period to the next.

        Args:
            period: hour, day, week (from Monday) or month, in UTC; the finest that gives at most
                30 by default.

        Returns:
            A row a period, by its begin: ``events``; ``new_items`` and ``new_users``, the shares
            of events with an item or by a user that no period before had; and ``overlap`` with
            the period before, from 0 (other items altogether) to 1 (each item has the same share
            of the events).

        Raises:
            InputError: the log has no times.
        """
        numbers, begins = self._periods(period, MOST_STEPS)
        events = np.bincount(numbers, minlength=len(begins))
        shares = {
            name: _new(numbers, codes, len(begins)) / np.maximum(events, 1)
            for name, codes in (("new_items", self._item), ("new_users", self._user))
        }
        table = pd.DataFrame({"events": events, **shares}, index=begins)
        table["overlap"] = _overlaps(numbers, self._item, events)
        return table.mask(table.events == 0).assign(events=events)

    def events_of(self, users: Iterable[Any], last: int | None = None) -> pd.DataFrame:
        """What some users did, event by event.

        Args:
            users: ids of users of the log, text or whole numbers; a single text is one id.
            last: only the last so many of each; None: all.

        Returns:
            A row an event, the users as they were given, each one's oldest event first: ``user``,
            ``item``, ``title``, ``part`` (train, validation or test), and ``time`` in UTC where
            the log has times.

        Raises:
            InputError: the log has no such user.
        """
        ids = [normal_id(str(user)) for user in ([users] if isinstance(users, str) else users)]
        found = [self.dataset.user_places.get(self.dataset.stored_user_id(user)) for user in ids]
        if unknown := list(
            dict.fromkeys(user for user, place in zip(ids, found, strict=True) if place is None)
        ):
            more = f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else ""
            raise InputError(f"the log has no user {', '.join(map(repr, unknown[:5]))}{more}")
        places = [place for place in found if place is not None]
        offsets = self.dataset.user_offsets
        first = [
            offsets[place] if last is None else max(offsets[place], offsets[place + 1] - last)
            for place in places
        ]
        spans = [np.arange(begin, offsets[p + 1]) for begin, p in zip(first, places, strict=True)]
        events = np.concatenate([np.zeros(0, dtype=np.int64), *spans])
        items = self._item[events]
        names, titles = self.dataset.item_ids, self.dataset.item_titles
        table = pd.DataFrame(
            {
                "user": np.repeat(np.array(ids, dtype=object), list(map(len, spans))),
                "item": [names[item] for item in items],
                "title": [titles[item] for item in items],
                "part": [PARTS[part] for part in self._part[events]],
            }
        )
        if self.dataset.manifest.has_time:
            times = self._times[events].astype("datetime64[us]")
            table["time"] = pd.DatetimeIndex(times, tz="UTC")
        return table

    @cached_property
    def _user(self) -> np.ndarray:
        """int64 [events]."""
        return np.repeat(np.arange(self.dataset.users), np.diff(self.dataset.user_offsets))

    @cached_property
    def _item(self) -> np.ndarray:
        return np.asarray(self.dataset.event_items)

    @cached_property
    def _part(self) -> np.ndarray:
        """int8 [events]: 0 training, 1 validation, 2 test."""
        ends = np.asarray(self.dataset.part_ends)
        bounds = [self.dataset.user_offsets[:-1], ends[:, 0], ends[:, 1]]
        lengths = np.diff([*bounds, self.dataset.user_offsets[1:]], axis=0).T
        parts = np.tile(np.arange(len(PARTS), dtype=np.int8), self.dataset.users)
        return np.repeat(parts, lengths.ravel())

    @cached_property
    def _times(self) -> np.ndarray:
        return np.asarray(self.dataset.event_times)

    def _periods(self, period: Period | None, most: int) -> tuple[np.ndarray, pd.DatetimeIndex]:
        """The period of each event, int64 from 0, and when each period begins."""
        if not self.dataset.manifest.has_time:
            raise InputError(
                "the log has no times: name their column (`time=…`, or `data.log.columns.time`) "
                "for what happens when"
            )
        if period is None:
            hours = (int(self._times.max()) - int(self._times.min())) / 3_600_000_000
            period = next((each for each in PERIODS if hours / HOURS[each] < most - 1), "month")
        elif period not in PERIODS:
            raise InputError(f"no period {period!r}: there are {', '.join(PERIODS)}")
        times = self._times.astype("datetime64[us]")
        if period == "week":
            # 1970 began on a Thursday.
            numbers = (times.astype("datetime64[D]").astype(np.int64) + 3) // 7
            first, unit, scale, shift = numbers.min(), "D", 7, -3
        else:
            unit = UNITS[str(period)]
            numbers = times.astype(f"datetime64[{unit}]").astype(np.int64)
            first, scale, shift = numbers.min(), 1, 0
        every = np.arange(first, numbers.max() + 1) * scale + shift
        begins = every.astype(f"datetime64[{unit}]").astype("datetime64[us]")
        return numbers - first, pd.DatetimeIndex(begins, tz="UTC", name=period)


def _share_without(values: np.ndarray, known: np.ndarray) -> float:
    return float(1 - np.isin(values, known).mean()) if len(values) else np.nan


def _timestamp(time: int | None) -> Any:
    return pd.NaT if time is None else pd.Timestamp(time, unit="us", tz="UTC")


def _new(numbers: np.ndarray, codes: np.ndarray, periods: int) -> np.ndarray:
    """Of each period the events whose code no period before it had."""
    first = np.full(int(codes.max()) + 1, periods, dtype=np.int64)
    np.minimum.at(first, codes, numbers)
    return np.bincount(numbers[first[codes] == numbers], minlength=periods)


def _overlaps(numbers: np.ndarray, items: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Of each period the sum over items of the smaller of its share and the one before."""
    width = int(items.max()) + 1
    pairs, counts = np.unique(numbers * np.int64(width) + items, return_counts=True)
    period = pairs // width
    share = counts / events[period]
    before = np.searchsorted(pairs, pairs - width)
    found = (before < len(pairs)) & (pairs[np.minimum(before, len(pairs) - 1)] == pairs - width)
    common = np.minimum(share[found], share[before[found]])
    overlap = np.bincount(period[found], common, len(events)).astype(float)  # also of none
    overlap[0] = np.nan
    overlap[1:][events[:-1] == 0] = np.nan
    return overlap
