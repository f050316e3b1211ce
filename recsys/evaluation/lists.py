"""Lists that another system made, ranked as a scorer of ours would be."""

from dataclasses import dataclass

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.prepare.list_table import ListTable
from recsys.data.queries import Queries, ranges
from recsys.errors import InputError
from recsys.evaluation.ranking import UNRANKED, RankedQueries, history_pairs, without_repeats
from recsys.system.display import counted

QUERIES = 4096  # of a block
STRANGER = -1  # an item that the log does not have


@dataclass(frozen=True)
class _Lists:
    """The lists of the users who are asked about, best items first.

    Attributes:
        begins: int64 [users + 1], where the list of each of the dataset's users begins.
        items: int64 [rows], the dataset's items; strangers have numbers behind theirs.
        places: float64 [rows], equal where two items share a place.
        numbers: how many numbers items may have.
    """

    begins: np.ndarray
    items: np.ndarray
    places: np.ndarray
    numbers: int

    def keys(self, queries: np.ndarray, items: np.ndarray) -> np.ndarray:
        """A number for each pair of a query and an item."""
        return queries.astype(np.int64) * self.numbers + items


def rank_lists(
    lists: ListTable, dataset: Dataset, queries: Queries, seen: Seen, k: int
) -> tuple[RankedQueries, list[str]]:
    """Where each held-out item stands in its user's list.

    A user's list answers every query of that user. Under ``seen: exclude`` what the user had
    before a query is taken out of it, and what follows moves up, as it is for every scorer. An
    item that the log does not have keeps its place. Places that are shared count against the list,
    and what is not in the list is a miss.

    Args:
        lists: as read.
        dataset: the log.
        queries: what is asked.
        seen: whether seen items may be recommended.
        k: best items to keep of each query.

    Returns:
        The ranking, and what a person should know to read it, a sentence each.

    Raises:
        InputError: no user who is asked about has a list.
    """
    repeats = 0
    if seen == "exclude":
        queries, repeats = without_repeats(dataset, queries)
    users = np.array([_place_of(dataset, user) for user in lists.users], np.int64)
    numbers = {item: number for number, item in enumerate(dataset.item_ids)}
    known = np.array([numbers.get(item, STRANGER) for item in lists.items], np.int64)
    asked = np.isin(users, queries.users)
    if not asked.any():
        raise InputError(
            f"none of the {counted(len(users), 'user')} of the lists, such as {lists.users[0]!r}, "
            f"is among the {counted(len(np.unique(queries.users)), 'user')} of the test part"
        )
    kept = asked[lists.user_codes]
    notes = _notes(lists, dataset, queries, users, known, kept)
    prepared = _prepared(lists, dataset, users, known, kept, notes)
    blocks = [
        _rank_block(slice(begin, begin + QUERIES), dataset, queries, seen, k, prepared)
        for begin in range(0, len(queries), QUERIES)
    ]
    ranked = RankedQueries(
        queries,
        np.concatenate([ranks for ranks, *_ in blocks]),
        np.concatenate([top for _, top, *_ in blocks]),
        repeats,
    )
    taken, tied = sum(block[2] for block in blocks), sum(block[3] for block in blocks)
    if taken:
        notes.append(f"taken out of the lists, as the users had them: {counted(taken, 'item')}")
    if tied:
        notes.append(f"{counted(tied, 'item')} share a place with others, counted as the last")
    if (ranked.ranks == UNRANKED).all():
        notes.append(
            "no held-out item is in the list of its user: lists that were made after the test "
            "part's events leave them out as seen, and such lists cannot be judged by them"
        )
    longest = int(np.diff(prepared.begins).max())
    if longest < k:
        notes.append(
            f"the longest list has {counted(longest, 'item')}: metrics at more than that count "
            "what is not there as a miss"
        )
    return ranked, notes


def _place_of(dataset: Dataset, user: str) -> int:
    return dataset.user_places.get(dataset.stored_user_id(user), -1)


def _notes(
    lists: ListTable,
    dataset: Dataset,
    queries: Queries,
    users: np.ndarray,
    known: np.ndarray,
    kept: np.ndarray,
) -> list[str]:
    """What of the lists is not used, and who has none."""
    notes = list(lists.notes)
    if strangers := int((users < 0).sum()):
        example = lists.users[int(np.argmax(users < 0))]
        notes.append(
            f"left out: the lists of {counted(strangers, 'user')} that the log does not have, such "
            f"as {example!r}"
        )
    asked = np.unique(queries.users)
    if idle := len(np.setdiff1d(users[users >= 0], asked)):
        notes.append(f"left out: the lists of {counted(idle, 'user')} without a test event")
    if missing := len(np.setdiff1d(asked, users)):
        notes.append(
            f"{counted(missing, 'user')} of {len(asked):,} in the test part have no list: all "
            "their items are misses"
        )
    of_asked = np.unique(lists.item_codes[kept])
    foreign = of_asked[known[of_asked] == STRANGER]
    if len(foreign):
        notes.append(
            f"{counted(len(foreign), 'item')} of the lists that the log does not have, such as "
            f"{lists.items[foreign[0]]!r}, keep their places and are never hits"
        )
    return notes


def _prepared(
    lists: ListTable,
    dataset: Dataset,
    users: np.ndarray,
    known: np.ndarray,
    kept: np.ndarray,
    notes: list[str],
) -> _Lists:
    """The rows that are kept, in order; an item that a list has twice counts once, at its best."""
    numbers = np.where(known >= 0, known, dataset.items + np.arange(len(known)))
    owners, items = users[lists.user_codes[kept]], numbers[lists.item_codes[kept]]
    places = lists.places[kept]
    order = np.lexsort((places, items, owners))
    owners, items, places = owners[order], items[order], places[order]
    is_first = np.append(True, (np.diff(owners) != 0) | (np.diff(items) != 0))
    if repeated := int((~is_first).sum()):
        notes.append(
            f"left out: {counted(repeated, 'row')} that repeat an item of the list, at a worse "
            "place or the same"
        )
    owners, items, places = owners[is_first], items[is_first], places[is_first]
    order = np.lexsort((places, owners))
    begins = np.searchsorted(owners[order], np.arange(dataset.users + 1))
    return _Lists(begins, items[order], places[order], dataset.items + len(known))


def _rank_block(
    block: slice, dataset: Dataset, queries: Queries, seen: Seen, k: int, lists: _Lists
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Ranks of targets and top items of some queries, items taken out, and items of equal place."""
    users = queries.users[block]
    begins, ends = lists.begins[users], lists.begins[users + 1]
    rows = ranges(begins, ends)
    owners = np.repeat(np.arange(len(users)), ends - begins)
    keys = lists.keys(owners, lists.items[rows])
    taken = 0
    if seen == "exclude":
        stays = ~np.isin(keys, lists.keys(*history_pairs(dataset, queries, block)))
        taken = int((~stays).sum())
        rows, owners, keys = rows[stays], owners[stays], keys[stays]
    places = np.arange(len(rows)) - np.searchsorted(owners, owners)
    ranks, tied = _ranks(owners, lists.places[rows], places)
    items = lists.items[rows]
    shown = (places < k) & (items < dataset.items)
    top = np.full((len(users), k), -1, np.int32)
    top[owners[shown], places[shown]] = items[shown]

    targets = slice(*queries.target_offsets[[block.start, min(block.stop, len(queries))]])
    asked = queries.target_queries[targets] - block.start
    wanted = lists.keys(asked, queries.target_items[targets])
    order = np.argsort(keys)
    found = np.searchsorted(keys, wanted, sorter=order)
    hits = np.flatnonzero(found < len(keys))
    hits = hits[keys[order[found[hits]]] == wanted[hits]]
    found_ranks = np.full(len(wanted), UNRANKED, np.int32)
    found_ranks[hits] = ranks[order[found[hits]]]
    return found_ranks, top, taken, tied


def _ranks(owners: np.ndarray, given: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, int]:
    """The rank of each row in its list, of equals the last one's, and how many are equal.

    Args:
        owners: int [rows], in order.
        given: float [rows], in order within an owner.
        places: int [rows], from 0 within an owner.
    """
    if not len(owners):
        return np.empty(0, np.int32), 0
    same = (np.diff(owners) == 0) & (np.diff(given) == 0)
    # The last row of each group of equals.
    ends = np.flatnonzero(np.append(~same, True))
    groups = np.concatenate(([0], np.cumsum(~same)))
    tied = np.zeros(len(owners), bool)
    tied[1:] |= same
    tied[:-1] |= same
    return (places[ends][groups] + 1).astype(np.int32), int(tied.sum())
