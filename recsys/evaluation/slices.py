"""The same ranking, looked at for hot, warm and cold users and items apart.

*Cold* users have no event in the fitted part of the log, and *cold* items none that
weighs something (what was only looked at cannot be recommended yet); *hot* ones
are the most active fifth (rounded up) of the others; *warm* ones are the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.evaluation.ranking import RankedQueries

HOT_SHARE = 0.2
COLD, WARM, HOT = 0, 1, 2
_TEMPERATURES = {"hot": HOT, "warm": WARM, "cold": COLD}


@dataclass(frozen=True)
class Slice:
    """Part of a ranking.

    Attributes:
        name: such as ``cold_items``.
        definition: in words, for people who read the report.
        ranked: the targets that belong to it, and their queries.
    """

    name: str
    definition: str
    ranked: RankedQueries


def temperatures(activity: np.ndarray) -> np.ndarray:
    """Sorts users or items into cold, warm and hot by their number of events.

    Args:
        activity: int [n], events in the fitted part. Of equals, the first are hotter.

    Returns:
        int8 [n] of ``COLD``, ``WARM`` and ``HOT``.
    """
    known = int(np.count_nonzero(activity))
    hottest = np.argsort(-activity, kind="stable")[: int(np.ceil(HOT_SHARE * known))]
    found = np.where(activity > 0, WARM, COLD).astype(np.int8)
    found[hottest] = HOT
    return found


def user_activity(dataset: Dataset, part: Part) -> np.ndarray:
    """Events of every user up to and including ``part``, int64 [users]."""
    return dataset.part_range(part)[1] - dataset.user_offsets[:-1]


def item_activity(dataset: Dataset, part: Part) -> np.ndarray:
    """Events of a weight above 0 of every item up to and including ``part``, int64 [items]."""
    columns = ("train", "validation", "test").index(part) + 1
    return dataset.item_targets[:, :columns].sum(axis=1)


def with_targets(ranked: RankedQueries, keep: np.ndarray) -> RankedQueries:
    """Leaves targets (bool [targets]) out of a ranking, and queries that have none left.

    The other targets keep their ranks: a slice is a view of one ranking, not a
    ranking of fewer items.
    """
    queries, rows = ranked.queries.with_targets(keep)
    return replace(
        ranked, queries=queries, ranks=ranked.ranks[keep], top_items=ranked.top_items[rows]
    )


def slices(ranked: RankedQueries, dataset: Dataset, part: Part) -> Iterator[Slice]:
    """Cuts a ranking into known items, and hot, warm and cold users and items.

    Args:
        ranked: the ranking.
        dataset: where activity is counted.
        part: the last part that the scorer was fitted on.
    """
    items = temperatures(item_activity(dataset, part))[ranked.queries.target_items]
    users = temperatures(user_activity(dataset, part))[ranked.queries.users]
    users = users[ranked.queries.target_queries]
    yield Slice(
        "known_items",
        "held-out items that have training events; those that no scorer could learn are left out",
        with_targets(ranked, items != COLD),
    )
    yield from _by_temperature("users", users, ranked, _user_definition)
    yield from _by_temperature("items", items, ranked, _item_definition)


def _by_temperature(
    what: str, found: np.ndarray, ranked: RankedQueries, define: Callable[[str], str]
) -> Iterator[Slice]:
    for name, temperature in _TEMPERATURES.items():
        yield Slice(f"{name}_{what}", define(name), with_targets(ranked, found == temperature))


def _user_definition(name: str) -> str:
    return {
        "hot": "the most active fifth of the users with training events",
        "warm": "the other users with training events",
        "cold": "users without a training event",
    }[name]


def _item_definition(name: str) -> str:
    return {
        "hot": "held-out items among the most frequent fifth of those with training events",
        "warm": "held-out items among the others with training events",
        "cold": "held-out items without a training event",
    }[name]
