"""Full ranking: where each held-out item stands among all items."""

from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset, Queries, ranges
from recsys.data.histories import Histories
from recsys.models.query_model import QueryModel
from recsys.models.retriever import Retriever

UNRANKED = np.iinfo(np.int32).max


class Scorer(Protocol):
    """Scores every item of a catalogue, a prefix of the dataset's items."""

    catalogue_items: int

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items]: the scores of some of the queries."""
        ...


class RetrieverScorer:
    """Scores with a trained retriever, in float32.

    Args:
        retriever: the model.
        dataset: where the queries' histories are.
    """

    def __init__(self, retriever: Retriever, dataset: Dataset) -> None:
        self.catalogue_items = retriever.catalogue_items
        self._trained = retriever
        self._retriever = retriever.in_float32()
        self._model = QueryModel(self._retriever)
        self._histories = Histories(
            dataset,
            self.catalogue_items,
            retriever.config.max_events,
            tuple(retriever.config.query.user_features),
            retriever.reads_times,
        )
        self.refresh()

    def refresh(self) -> None:
        """Takes up the retriever's weights as they are now, without compiling again."""
        if self._retriever is not self._trained:
            self._retriever.set_weights(self._trained.get_weights())
        self._model.refresh()
        self._items_ID = keras.ops.convert_to_numpy(self._model.item_vectors)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        return self.embed(queries, block) @ self._items_ID.T

    def embed(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, dim]: the query vectors."""
        users, ends = queries.users[block], queries.history_ends[block]
        inputs = self._histories.inputs(users, ends)
        if not self._retriever.reads_user_id:
            del inputs["user"]
        # Blocks of one shape are compiled once: the last is filled up.
        size = block.stop - block.start
        missing = size - len(users)
        if missing:
            inputs = {
                name: np.concatenate([values, np.repeat(values[:1], missing, axis=0)])
                for name, values in inputs.items()
            }
        return np.asarray(self._model.predict_on_batch(inputs))[: len(users)]


@dataclass(frozen=True)
class RankedQueries:
    """What a scorer made of a part's queries.

    Attributes:
        queries: the queries asked; without the targets that repeat the history
            where seen items are excluded.
        ranks: int32 [targets], from 1; :data:`UNRANKED` where the item is not
            in the scorer's catalogue. Ties count against the target.
        top_items: int32 [queries, k], the best items, -1 where there are fewer.
        repeats_left_out: targets left out because they repeat the history.
    """

    queries: Queries
    ranks: np.ndarray
    top_items: np.ndarray
    repeats_left_out: int


def rank(
    scorer: Scorer,
    dataset: Dataset,
    queries: Queries,
    seen: Seen,
    k: int,
    block_size: int = 512,
) -> RankedQueries:
    """Ranks every target of every query among all items of the scorer's catalogue.

    Args:
        scorer: what is evaluated.
        dataset: where the histories are.
        queries: what is asked.
        seen: ``exclude``: items of a query's history, however old, are not
            ranked, and targets that repeat it are left out and counted;
            ``allow``: nothing is left out.
        k: best items to keep of each query; 0 where ranks are enough, which
            halves the work.
        block_size: queries scored at a time; a block takes
            ``4 * block_size * catalogue_items`` bytes a few times over.

    Raises:
        FloatingPointError: a score is not a number.
    """
    repeats = 0
    if seen == "exclude":
        queries, repeats = _without_repeats(dataset, queries)
    block_size = max(1, min(block_size, len(queries)))
    ranks = np.full(len(queries.target_items), UNRANKED, dtype=np.int32)
    top_items = np.full((len(queries), k), -1, dtype=np.int32)
    for begin in range(0, len(queries), block_size):
        block = slice(begin, begin + block_size)
        scores = np.array(scorer.score(queries, block), dtype=np.float32)
        if np.isnan(scores).any():
            raise FloatingPointError(
                f"{type(scorer).__name__} scored NaN: the model has diverged, or a feature is NaN"
            )
        if seen == "exclude":
            rows, items = _history_pairs(dataset, queries, block)
            known = items < scorer.catalogue_items
            scores[rows[known], items[known]] = -np.inf
        targets = slice(*queries.target_offsets[[begin, min(block.stop, len(queries))]])
        ranks[targets] = _ranks(
            scores, queries.target_queries[targets] - begin, queries.target_items[targets]
        )
        if k:
            best = _best(scores, k)
            top_items[block, : best.shape[1]] = best
    return RankedQueries(queries, ranks, top_items, repeats)


def _ranks(scores: np.ndarray, rows: np.ndarray, items: np.ndarray) -> np.ndarray:
    """int32 [targets]: 1 + other items that score at least as much."""
    ranks = np.full(len(rows), UNRANKED, dtype=np.int32)
    # A few rows at a time: one comparison is as large as its rows of scores.
    step = max(1, 2**24 // scores.shape[1])
    known = np.flatnonzero(items < scores.shape[1])
    for begin in range(0, len(known), step):
        chosen = known[begin : begin + step]
        own = scores[rows[chosen], items[chosen]]
        ranks[chosen] = np.count_nonzero(scores[rows[chosen]] >= own[:, None], axis=1)
    return ranks


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """int32 [rows, min(k, items)]: best items first, -1 where a score is −∞."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        candidates = np.argpartition(scores, -k, axis=1)[:, -k:]
    else:
        candidates = np.tile(np.arange(k), (len(scores), 1))
    # Ties go to the lower index, the more popular item, at the end of the list too.
    last = np.take_along_axis(scores, candidates, axis=1).min(axis=1)
    tied = np.flatnonzero(np.count_nonzero(scores >= last[:, None], axis=1) > k)
    for row in tied:
        candidates[row] = np.argsort(-scores[row], kind="stable")[:k]
    candidates = np.sort(candidates, axis=1)
    values = np.take_along_axis(scores, candidates, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best = np.take_along_axis(candidates, order, axis=1)
    return np.where(np.take_along_axis(values, order, axis=1) == -np.inf, -1, best)


def _history_pairs(
    dataset: Dataset, queries: Queries, block: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Row in the block and item of every event in the queries' histories."""
    begins = np.asarray(dataset.user_offsets[queries.users[block]])
    ends = queries.history_ends[block]
    rows = np.repeat(np.arange(len(begins)), ends - begins)
    return rows, dataset.event_items[ranges(begins, ends)]


def _without_repeats(dataset: Dataset, queries: Queries) -> tuple[Queries, int]:
    """Leaves out targets that are in their query's history, and queries left empty."""
    repeated = np.zeros(len(queries.target_items), dtype=bool)
    for begin in range(0, len(queries), 4096):
        block = slice(begin, min(begin + 4096, len(queries)))
        rows, items = _history_pairs(dataset, queries, block)
        targets = slice(*queries.target_offsets[[block.start, block.stop]])
        seen = np.unique(rows.astype(np.int64) * dataset.items + items)
        asked = (queries.target_queries[targets] - begin) * dataset.items
        repeated[targets] = np.isin(asked + queries.target_items[targets], seen)
    return queries.with_targets(~repeated)[0], int(repeated.sum())
