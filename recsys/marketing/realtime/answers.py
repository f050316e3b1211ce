"""What the exported model recommends to a user right now, and how long it takes."""

import time
from array import array
from collections.abc import Sequence

import numpy as np

from recsys.data.batches.histories import whole_seconds
from recsys.export.inputs import HISTORY_TIME, USER_ID
from recsys.export.recommend import Query, Recommendation, Recommender
from recsys.marketing.realtime.state import Users

CHUNK = 1 << 16


def window_of(recommender: Recommender) -> int | None:
    """Events of a history that an artefact's answer depends on, the last known ones; None: all.

    Under ``seen: exclude`` every id of the history is left out of the answer, also those that
    the encoder does not reach.
    """
    model = recommender.manifest["model"]
    return None if model["seen"] == "exclude" else int(model["max_events"])


def known_items(recommender: Recommender, items: Sequence[str]) -> frozenset[str]:
    """The items of a stream that an artefact knows; the others do not change its answers."""
    unknown: set[str] = set()
    for begin in range(0, len(items), CHUNK):
        unknown.update(recommender.unknown_ids(items[begin : begin + CHUNK]))
    return frozenset(items) - unknown


class Answers:
    """Asks an artefact for users as they are, and takes the time.

    Args:
        recommender: the artefact.
        users: the state.
        items: to be recommended at a time.

    Attributes:
        seconds: that each answer took, from the state to its items.
    """

    def __init__(self, recommender: Recommender, users: Users, items: int) -> None:
        self.seconds = array("d")
        self._recommender = recommender
        self._users = users
        self._items = items

    def query(self, user: str) -> Query:
        """The user's history, with times and the id where the model reads them.

        Features of users are not in a stream: the artefact takes them as missing.
        """
        items, times = self._users.history(user)
        further = {}
        if HISTORY_TIME in self._recommender.further_inputs:
            further[HISTORY_TIME] = whole_seconds(np.array([times], np.int64))
        if USER_ID in self._recommender.further_inputs:
            further[USER_ID] = np.array([user], object)
        return Query(items, further)

    def ask(self, user: str) -> list[Recommendation]:
        """At most as many items as are asked for, best first."""
        began = time.perf_counter()
        found = self._recommender.recommend(self.query(user), self._items)
        self.seconds.append(time.perf_counter() - began)
        return found

    def warm_up(self, item: str) -> float:
        """Seconds of a first answer, with the model loaded for it, which counts for nothing.

        Raises:
            InputError: more items are asked for than the artefact returns.
        """
        began = time.perf_counter()
        self._recommender.recommend(Query([item], {}), self._items)
        return time.perf_counter() - began
