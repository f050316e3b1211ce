"""Histories as the arrays that a query tower reads."""

import numpy as np

from recsys.data.dataset import Dataset


class Histories:
    """The last events before a moment, of items that a model knows.

    Args:
        dataset: where the events are.
        catalogue_items: items at or beyond it are dropped, as unknown ids are
            when the model is served.
        max_events: events of a history that are kept, the last ones.
        user_features: names of the user features to add.
        times: whether to add the times of the events.

    Raises:
        InputError: times are asked of a dataset without them.
    """

    def __init__(
        self,
        dataset: Dataset,
        catalogue_items: int,
        max_events: int,
        user_features: tuple[str, ...] = (),
        times: bool = False,
    ) -> None:
        self.max_events = max_events
        self._offsets = dataset.user_offsets
        self._features = {name: dataset.feature("user", name) for name in user_features}
        self._items = dataset.event_items
        self._times = dataset.event_times if times else None
        # kept[e] events before e are known; without unknown ones it is e itself.
        self._kept: np.ndarray | None = None
        if catalogue_items < dataset.items:
            known = dataset.event_items[:] < catalogue_items
            self._kept = np.concatenate(([0], np.cumsum(known)))
            self._items = dataset.event_items[:][known]
            if self._times is not None:
                self._times = self._times[:][known]

    def inputs(self, users: np.ndarray, history_ends: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs of :meth:`recsys.models.retriever.Retriever.embed_query`.

        Args:
            users: int32 [n], user indices.
            history_ends: int64 [n], end (exclusive) of each history in the
                dataset's event arrays.

        Returns:
            ``history`` int32 [n, max_events], right-padded with 0, ``length``
            int32 [n], ``user`` int32 [n], ``user_feature.<name>``, and if asked
            for ``history_times`` int32 [n, max_events] (see :func:`elapsed`).
        """
        begins, ends = np.asarray(self._offsets[users]), history_ends
        if self._kept is not None:
            begins, ends = self._kept[begins], self._kept[ends]
        begins = np.maximum(begins, ends - self.max_events)
        history, lengths = slices(self._items, begins, ends, self.max_events)
        inputs = {"history": history, "length": lengths, "user": users.astype(np.int32)}
        if self._times is not None:
            times, _ = slices(self._times, begins, ends, self.max_events)
            inputs["history_times"] = elapsed(whole_seconds(times), lengths)
        for name, values in self._features.items():
            inputs[f"user_feature.{name}"] = values[users]
        return inputs


def slices(
    values: np.ndarray, begins: np.ndarray, ends: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Many slices of an array as the rows of a matrix, right-padded with 0.

    Args:
        values: [n].
        begins, ends: int64 [rows], each at most ``width`` long.
        width: columns of the result.

    Returns:
        [rows, width] and the slices' lengths, int32 [rows].
    """
    lengths = (ends - begins).astype(np.int32)
    columns = np.arange(width)
    real = columns < lengths[:, None]
    rows = np.zeros((len(begins), width), dtype=values.dtype)
    rows[real] = values[(begins[:, None] + columns)[real]]
    return rows, lengths


def whole_seconds(times: np.ndarray) -> np.ndarray:
    """Microseconds as whole seconds: a served model is asked with no finer times."""
    return times // 10**6


def elapsed(seconds: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Seconds since the first event of each row.

    Args:
        seconds: int64 [rows, width], whole seconds since 1970.
        lengths: int32 [rows], events of each row.

    Returns:
        int32 [rows, width], right-padded with 0.
    """
    real = np.arange(seconds.shape[1]) < lengths[:, None]
    return np.where(real, seconds_since(seconds[:, :1], seconds), 0)


def seconds_since(first: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """``seconds - first`` as int32, cut off at 0 and at 68 years."""
    return np.clip(seconds - first, 0, np.iinfo(np.int32).max).astype(np.int32)
