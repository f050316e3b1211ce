"""Histories as the arrays that a query tower reads (:class:`recsys.batch.QueryBatch`)."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.batch import EVENT_FEATURE, USER_FEATURE, BatchSpec
from recsys.data.dataset import Dataset


class HistoryEncoder:
    """Encodes the last events of histories, of items that a model knows.

    Args:
        dataset: where the events, and their and the users' features are.
        catalogue_items: items at or beyond it are dropped, as unknown ids are
            when the model is served.
        spec: what the model reads (``retriever.batch_spec``).

    Raises:
        InputError: times are asked of a dataset without them.
    """

    def __init__(self, dataset: Dataset, catalogue_items: int, spec: BatchSpec) -> None:
        self._catalogue_items = catalogue_items
        self._spec = spec
        self._offsets = dataset.user_offsets
        self._features = {name: dataset.feature("user", name) for name in spec.user_features}
        self._items = dataset.event_items
        self._times = dataset.event_times if spec.times else None
        self._event_features = {
            name: dataset.feature("event", name) for name in spec.event_features
        }
        # kept[e] events before e are known; without unknown ones it is e itself.
        self._kept: np.ndarray | None = None
        if catalogue_items < dataset.items:
            known = dataset.event_items[:] < catalogue_items
            self._kept = np.concatenate(([0], np.cumsum(known)))
            self._items = dataset.event_items[:][known]
            if self._times is not None:
                self._times = self._times[:][known]
            self._event_features = {
                name: values[:][known] for name, values in self._event_features.items()
            }

    def of_users(self, users: np.ndarray, history_ends: np.ndarray) -> dict[str, np.ndarray]:
        """Histories of the dataset's users.

        Args:
            users: int32 [n], user indices.
            history_ends: int64 [n], end (exclusive) of each history in the
                dataset's event arrays.

        Returns:
            A :class:`recsys.batch.QueryBatch`, ``max_events`` wide.
        """
        begins, ends = np.asarray(self._offsets[users]), history_ends
        if self._kept is not None:
            begins, ends = self._kept[begins], self._kept[ends]
        begins = np.maximum(begins, ends - self._spec.max_events)
        width = self._spec.max_events
        history, lengths = slices(self._items, begins, ends, width)
        seconds = None
        if self._times is not None:
            seconds = whole_seconds(slices(self._times, begins, ends, width)[0])
        features = {
            name: slices(values, begins, ends, width)[0]
            for name, values in self._event_features.items()
        }
        return self._batch(history, lengths, seconds, features, users)

    def of_events(
        self,
        histories: Sequence[np.ndarray],
        times: Sequence[np.ndarray],
        features: Mapping[str, Sequence[np.ndarray]],
        users: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Histories given event by event.

        Args:
            histories: int32 arrays of item indices, oldest event first; at least one history.
            times: int64 arrays, whole seconds since 1970 of the same events; not looked at by a
                model that reads none.
            features: by name, arrays of the same events, as the dataset has them.
            users: int32 [n], user indices; -1 for an unknown user.

        Returns:
            A :class:`recsys.batch.QueryBatch`, as wide as the longest history that is read.
        """
        known = [history < self._catalogue_items for history in histories]
        lengths = np.array([min(int(k.sum()), self._spec.max_events) for k in known])
        ends = np.cumsum(lengths)

        def windows(values: Sequence[np.ndarray]) -> np.ndarray:
            last = [
                each[k][-self._spec.max_events :] for each, k in zip(values, known, strict=True)
            ]
            return slices(np.concatenate(last), ends - lengths, ends, max(1, int(lengths.max())))[0]

        seconds = windows(times) if self._spec.times else None
        read = {name: windows(features[name]) for name in self._spec.event_features}
        return self._batch(windows(histories), lengths.astype(np.int32), seconds, read, users)

    def _batch(
        self,
        history: np.ndarray,
        lengths: np.ndarray,
        seconds: np.ndarray | None,
        event_features: Mapping[str, np.ndarray],
        users: np.ndarray,
    ) -> dict[str, np.ndarray]:
        batch = {"history": history, "length": lengths}
        batch |= {EVENT_FEATURE + name: each for name, each in event_features.items()}
        if seconds is not None:
            batch["history_times"] = elapsed(seconds, lengths)
        if self._spec.user:
            batch["user"] = users.astype(np.int32)
        for name, values in self._features.items():
            found = np.array(values[np.maximum(users, 0)])
            found[users < 0] = 0
            batch[USER_FEATURE + name] = found
        return batch


def slices(
    values: np.ndarray, begins: np.ndarray, ends: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Many slices of an array as a matrix, right-padded with 0.

    Args:
        values: [n].
        begins, ends: int64 [slices], each at most ``width`` long.
        width: columns of the result.

    Returns:
        [slices, width] and the slices' lengths, int32 [slices].

    >>> slices(np.arange(10), np.array([0, 7]), np.array([2, 10]), 3)
    (array([[0, 1, 0],
           [7, 8, 9]]), array([2, 3], dtype=int32))
    """
    lengths = (ends - begins).astype(np.int32)
    columns = np.arange(width)
    real = columns < lengths[:, None]
    matrix = np.zeros((len(begins), width), dtype=values.dtype)
    matrix[real] = values[(begins[:, None] + columns)[real]]
    return matrix, lengths


def whole_seconds(times: np.ndarray) -> np.ndarray:
    """Microseconds as whole seconds: a served model is asked with no finer times."""
    return times // 10**6


def elapsed(seconds: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Seconds since the first event of each history.

    Args:
        seconds: int64 [histories, width], whole seconds since 1970.
        lengths: int32 [histories], events of each.

    Returns:
        int32 [histories, width], right-padded with 0.

    >>> elapsed(np.array([[100, 160, 0]]), np.array([2])).tolist()
    [[0, 60, 0]]
    """
    real = np.arange(seconds.shape[1]) < lengths[:, None]
    return np.where(real, seconds_since(seconds[:, :1], seconds), 0)


def seconds_since(first: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """``seconds - first`` as int32, cut off at 0 and at 68 years."""
    return np.clip(seconds - first, 0, np.iinfo(np.int32).max).astype(np.int32)
