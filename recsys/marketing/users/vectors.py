"""Users' histories as vectors: what a published recommender makes of them, as of a cutoff."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from recsys.data.batches.histories import whole_seconds
from recsys.data.dataset import Dataset
from recsys.data.queries import ranges
from recsys.errors import InputError
from recsys.export.inputs import HISTORY, HISTORY_TIME
from recsys.export.recommend import Recommender
from recsys.runs.opening import open_run
from recsys.system.backend import start_backend

# Events, padding included, that one call of the model reads.
EVENTS_PER_CALL = 2**16
# A model that knows a smaller share of what users lately chose is too old to describe them.
LEAST_KNOWN = 0.5


class Embedded(NamedTuple):
    """Users who did something before a cutoff.

    Attributes:
        users: int64 [n], indices of the dataset, rising.
        vectors: float32 [n, dim].
        known: bool [n], whether the model knows an item of those it read; the vectors of the
            others are all that of an empty history.
    """

    users: np.ndarray
    vectors: np.ndarray
    known: np.ndarray


class UserVectors:
    """Embeds users' histories with a published model.

    Of the model's further inputs only the times of events are given; the others are missing.

    Args:
        run: folder of the model's run.
        dataset: whose events are the histories.

    Attributes:
        folder: of the run.
        recommender: the model.

    Raises:
        InputError: there is no such model.
    """

    def __init__(self, run: str, dataset: Dataset) -> None:
        start_backend()
        self.folder = open_run(Path(run))
        self.recommender = Recommender(self.folder.model_version())
        self._dataset = dataset
        self._window = self.recommender.manifest["model"]["max_events"]

    @cached_property
    def _ids(self) -> np.ndarray:
        return np.array(self._dataset.item_ids, dtype=object)

    @cached_property
    def _known_items(self) -> np.ndarray:
        # An unknown item's vector is zeros, by contract.
        return np.asarray(self.recommender.embed_items(self._dataset.item_ids).any(axis=1))

    def at(self, cutoff: int | None = None) -> Embedded:
        """The users who did something before a cutoff.

        Args:
            cutoff: microseconds since 1970 UTC; None: every event of the log is read.

        Raises:
            InputError: the model knows too little of what users lately chose.
        """
        counts = self._events_before(cutoff)
        users = np.flatnonzero(counts)
        ends = self._dataset.user_offsets[users] + counts[users]
        read = np.minimum(counts[users], self._window)
        events = self._in_time[ranges(ends - read, ends)]
        known = self._known_items[self._dataset.event_items[events]]
        if known.mean() < LEAST_KNOWN:
            when = "" if cutoff is None else f" before {minute(cutoff)}"
            raise InputError(
                f"the model of {self.folder.path} knows {known.mean():.0%} of what users chose"
                f"{when}: it is older than the data. Train it on a later log, or on one with the "
                "same item ids."
            )
        rows = max(1, EVENTS_PER_CALL // self._window)
        bounds = np.append(0, np.cumsum(read))
        parts = []
        for begin in range(0, len(users), rows):
            end = min(begin + rows, len(users))
            part = events[bounds[begin] : bounds[end]]
            parts.append(self.recommender.embed_query(self._inputs(part, read[begin:end])))
        any_known = np.add.reduceat(known, bounds[:-1], dtype=np.int64) > 0
        return Embedded(users, np.concatenate(parts), any_known)

    @cached_property
    def _in_time(self) -> np.ndarray:
        """int64 [events]: the events by user and time; the parts of a fixed split are not."""
        places = np.arange(self._dataset.events)
        if not self._dataset.manifest.has_time:
            return places
        lengths = np.diff(self._dataset.user_offsets)
        users = np.repeat(np.arange(self._dataset.users), lengths)
        times = np.asarray(self._dataset.event_times)
        falls = (times[1:] < times[:-1]) & (users[1:] == users[:-1])
        return np.lexsort((times, users)) if falls.any() else places

    def _events_before(self, cutoff: int | None) -> np.ndarray:
        """int64 [users]: how many events each has before a cutoff; these come first."""
        offsets = np.asarray(self._dataset.user_offsets)
        if cutoff is None:
            return np.diff(offsets)
        earlier = np.append(0, np.cumsum(np.asarray(self._dataset.event_times) < cutoff))
        return earlier[offsets[1:]] - earlier[offsets[:-1]]

    def _inputs(self, events: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """Histories of some users, padded on the right to the model's window."""
        places: np.ndarray = np.arange(self._window)[None, :] < lengths[:, None]
        missing = self.recommender.missing_values(self._window)
        inputs = {
            name: np.repeat(value, len(lengths), axis=0)
            for name, value in missing.items()
            if name != HISTORY_TIME
        }
        history = np.full(places.shape, "", dtype=object)
        history[places] = self._ids[self._dataset.event_items[events]]
        if HISTORY_TIME in missing:
            times = np.zeros(places.shape, dtype=np.int64)
            times[places] = whole_seconds(np.asarray(self._dataset.event_times[events]))
            inputs[HISTORY_TIME] = times
        return {HISTORY: history, **inputs}


def minute(time: int) -> str:
    """A time (microseconds since 1970 UTC) as a message names it."""
    return pd.Timestamp(time, unit="us").isoformat(sep=" ", timespec="minutes")
