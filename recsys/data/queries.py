"""The questions that a part of the log asks of a retriever."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Queries:
    """What is asked, and what was done.

    A query is one (user, timestamp): everything the user did before that time is
    its history, and what the user did at it are its targets.

    Attributes:
        users: int32 [queries], user index.
        history_ends: int64 [queries], end (exclusive) of the history in the
            event arrays; it begins at ``user_offsets[user]``.
        target_offsets: int64 [queries + 1], each query's slice of the targets.
        target_items: int32 [targets], item index; unique within a query.
        target_events: int64 [targets], the event it comes from.
    """

    users: np.ndarray
    history_ends: np.ndarray
    target_offsets: np.ndarray
    target_items: np.ndarray
    target_events: np.ndarray

    @classmethod
    def of_events(
        cls, users: np.ndarray, events: np.ndarray, history_ends: np.ndarray, items: np.ndarray
    ) -> "Queries":
        """The queries that events are the targets of, in their order.

        Args:
            users: int32 [events], in order.
            events: int64 [events], positions in the event arrays.
            history_ends: int64 [events], in order within a user; those of one query are equal.
            items: int32 [events]; an item that a query has twice is one target, its first.
        """
        order = np.lexsort((events, items, history_ends, users))
        is_first = np.zeros(len(order), dtype=bool)
        for key in (users, history_ends, items):
            values = key[order]
            is_first |= np.append(True, values[1:] != values[:-1])[: len(order)]
        keep = np.sort(order[is_first])
        users, events = users[keep], events[keep]
        history_ends, items = history_ends[keep], items[keep]
        begins = np.append(
            True, (users[1:] != users[:-1]) | (history_ends[1:] != history_ends[:-1])
        )[: len(users)]
        starts = np.flatnonzero(begins)
        return cls(
            users=users[starts],
            history_ends=history_ends[starts],
            target_offsets=np.append(starts, len(users)).astype(np.int64),
            target_items=items,
            target_events=events,
        )

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def target_queries(self) -> np.ndarray:
        """int64 [targets]: the query that each target belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.target_offsets))

    def with_targets(self, keep: np.ndarray) -> tuple["Queries", np.ndarray]:
        """Leaves targets out, and queries that have none left.

        Args:
            keep: bool [targets].

        Returns:
            What is left, and which queries that is, bool [queries].
        """
        kept = np.bincount(self.target_queries[keep], minlength=len(self))
        rows = kept > 0
        left = Queries(
            users=self.users[rows],
            history_ends=self.history_ends[rows],
            target_offsets=np.concatenate(([0], np.cumsum(kept[rows]))).astype(np.int64),
            target_items=self.target_items[keep],
            target_events=self.target_events[keep],
        )
        return left, rows

    def in_order(self, order: np.ndarray) -> tuple["Queries", np.ndarray]:
        """The queries in another order, and where each of their targets was.

        Args:
            order: int64 [queries], the query to put at each place.
        """
        begins, ends = self.target_offsets[:-1][order], self.target_offsets[1:][order]
        targets = ranges(begins, ends)
        ordered = Queries(
            users=self.users[order],
            history_ends=self.history_ends[order],
            target_offsets=np.concatenate(([0], np.cumsum(ends - begins))).astype(np.int64),
            target_items=self.target_items[targets],
            target_events=self.target_events[targets],
        )
        return ordered, targets


def ranges(begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """int64: the integers of all ranges ``[begin, end)``, one after the other."""
    lengths = ends - begins
    first = begins - np.concatenate(([0], np.cumsum(lengths)[:-1]))
    return np.repeat(first, lengths) + np.arange(lengths.sum())


def slices(offsets: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The elements of some slices of an array, one after the other, and how many each has.

    Args:
        offsets: int [slices + 1], where each slice begins, and the end of the last.
        numbers: int [chosen], of slices.

    >>> slices(np.array([0, 2, 2, 5]), np.array([2, 0]))
    (array([2, 3, 4, 0, 1]), array([3, 2]))
    """
    begins, ends = offsets[numbers], offsets[numbers + 1]
    return ranges(begins, ends), ends - begins
