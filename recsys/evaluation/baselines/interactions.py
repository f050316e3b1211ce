"""The log as sparse matrices: which user has met which item, and what a query's history holds."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries, ranges

# An event of the history that weighs less than this is left out.
FAINT = 1e-6


def learned_events(dataset: Dataset, part: Part) -> np.ndarray:
    """int64: positions of the events of a weight above 0 up to and including ``part``."""
    events = dataset.fitted_events(part)
    return events[dataset.event_weights[events] > 0]


def met(dataset: Dataset, events: np.ndarray, catalogue_items: int) -> sparse.csr_array:
    """1 where the user has met the item in the given events, float32 [users, items]."""
    users = np.searchsorted(dataset.user_offsets, events, side="right") - 1
    return _matrix(users, dataset.event_items[events], (dataset.users, catalogue_items))


def met_before(
    dataset: Dataset, queries: Queries, block: slice, catalogue_items: int
) -> sparse.csr_array:
    """1 where the item is in the query's history, float32 [block, items]."""
    rows, items, _ = _histories(dataset, queries, block, catalogue_items)
    return _matrix(rows, items, (len(queries.users[block]), catalogue_items))


def weighted_history(
    dataset: Dataset,
    queries: Queries,
    block: slice,
    catalogue_items: int,
    weigh: Callable[[np.ndarray], np.ndarray],
) -> sparse.csr_array:
    """The weight of every item in every history, float32 [block, items].

    Args:
        dataset: where the histories are.
        queries: what is asked.
        block: which of the queries.
        catalogue_items: items beyond these are not read.
        weigh: from the ages of events (int64, 0 = the last one) to their
            weights; an item's weights are summed.
    """
    rows, items, ages = _histories(dataset, queries, block, catalogue_items)
    weights = weigh(ages).astype(np.float32)
    heard = weights > FAINT
    return sparse.coo_array(
        (weights[heard], (rows[heard], items[heard])),
        shape=(len(queries.users[block]), catalogue_items),
    ).tocsr()


def _histories(
    dataset: Dataset, queries: Queries, block: slice, catalogue_items: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, item and age of every event of a known item in the queries' histories."""
    users, ends = queries.users[block], queries.history_ends[block]
    begins = dataset.user_offsets[users]
    lengths = ends - begins
    events = ranges(begins, ends)
    items = dataset.event_items[events]
    rows = np.repeat(np.arange(len(users), dtype=np.int32), lengths)
    ages = np.repeat(ends, lengths) - 1 - events
    known = items < catalogue_items
    return rows[known], items[known], ages[known]


def _matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    places = (rows.astype(np.int32), columns)
    matrix = sparse.coo_array((np.ones(len(rows), np.float32), places), shape=shape).tocsr()
    matrix.data[:] = 1.0  # however often
    return matrix
