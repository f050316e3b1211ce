"""Full ranking: where each held-out item stands among all items."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import keras
import numpy as np

from recsys.config import Seen
from recsys.data.batches.histories import HistoryEncoder
from recsys.data.batches.packing import SMALLEST_WIDTH
from recsys.data.dataset import Dataset
from recsys.data.queries import Queries, ranges
from recsys.evaluation.block_ranker import COUNTED, LOWEST, BlockRanker
from recsys.models.query_model import QueryModel
from recsys.models.retriever import Retriever
from recsys.system.devices import on_accelerator

UNRANKED = np.iinfo(np.int32).max
# On an accelerator a block has room for so many targets and seen items a query, on average:
# validation and test are of one shape.
TARGETS_OF_A_QUERY = 2
SEEN_OF_A_QUERY = 256
# Queries of a block: a CPU is as fast with few; of an accelerator's calls each costs a
# millisecond, so there are few of them, as large as scores and histories allow.
QUERIES_ON_CPU = 512
QUERIES_ON_ACCELERATOR = 4096
LARGEST_SCORES = 2**27
LARGEST_HISTORIES = 2**18
# Bytes of what is asked that are kept for the next time.
LARGEST_PLAN = 2**28


class Scorer(Protocol):
    """Scores every item of a catalogue, a prefix of the dataset's items."""

    catalogue_items: int

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items]: the scores of some of the queries."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Scores items by products of vectors, which are left to the ranking.

    Attributes:
        catalogue_items: items that it scores, a prefix of the dataset's items.
        item_vectors: float32 [catalogue_items, dim].
        max_events: events that it reads of a history, at most.
    """

    catalogue_items: int
    item_vectors: np.ndarray
    max_events: int

    def embed(self, queries: Queries, block: slice, rows: int = 0) -> np.ndarray:
        """float32 [block, dim]: the vectors of some of the queries.

        Args:
            queries: what is asked.
            block: which of them.
            rows: how many are asked for at most in a call, for those who compile for it.
        """
        ...


class RetrieverEmbedder:
    """The vectors of a trained retriever, in float32.

    Args:
        retriever: the model.
        dataset: where the queries' histories are.
    """

    def __init__(self, retriever: Retriever, dataset: Dataset) -> None:
        self.catalogue_items = retriever.catalogue_items
        self.max_events = retriever.batch_spec.max_events
        self._one_width = on_accelerator()
        self._trained = retriever
        self._retriever = retriever.in_float32()
        self._model = QueryModel(self._retriever)
        self._histories = HistoryEncoder(dataset, self.catalogue_items, retriever.batch_spec)
        self.refresh()

    def refresh(self) -> None:
        """Takes up the retriever's weights as they are now, without compiling again."""
        if self._retriever is not self._trained:
            self._retriever.set_weights(self._trained.get_weights())
        self._model.refresh()
        self.item_vectors = keras.ops.convert_to_numpy(self._model.item_vectors)

    def embed(self, queries: Queries, block: slice, rows: int = 0) -> np.ndarray:
        users, ends = queries.users[block], queries.history_ends[block]
        inputs = self._histories.of_users(users, ends)
        # Blocks of few shapes are compiled once: the last is filled up, and histories
        # are cut to the next power of two, if they are not as wide as they are all.
        if not self._one_width:
            width = _power_of_two(max(int(inputs["length"].max()), SMALLEST_WIDTH))
            for name in self._retriever.batch_spec.event_keys:
                inputs[name] = inputs[name][:, :width]
        size = max(rows, len(users))
        inputs = {name: _filled(values, size) for name, values in inputs.items()}
        return np.asarray(self._model.predict_on_batch(inputs))[: len(users)]


@dataclass(frozen=True)
class RankedQueries:
    """What a scorer made of a part's queries.

    Attributes:
        queries: the queries asked; without the targets that repeat the history
            where seen items are excluded.
        ranks: int32 [targets], from 1; :data:`UNRANKED` where the item is not
            in the scorer's catalogue, or is not a candidate. Ties count against the target.
        top_items: int32 [queries, k], the best items, -1 where there are fewer.
        repeats_left_out: targets left out because they repeat the history.
    """

    queries: Queries
    ranks: np.ndarray
    top_items: np.ndarray
    repeats_left_out: int


def rank(
    scorer: Scorer | Embedder,
    dataset: Dataset,
    queries: Queries,
    seen: Seen,
    k: int,
    block_size: int | None = None,
    every_rank: bool = True,
    candidates: np.ndarray | None = None,
) -> RankedQueries:
    """Ranks every target of every query among all candidates of the scorer's catalogue.

    Args:
        scorer: what is evaluated.
        dataset: where the histories are.
        queries: what is asked.
        seen: ``exclude``: items of a query's history, however old, are not
            ranked, and targets that repeat it are left out and counted;
            ``allow``: nothing is left out.
        k: best items to keep of each query.
        block_size: queries scored at a time; a block takes
            ``4 * block_size * catalogue_items`` bytes a few times over. None: what suits the
            device.
        every_rank: False where ranks up to ``k`` are enough: targets below are
            :data:`UNRANKED`, and how far below is not counted.
        candidates: bool [items], what may be recommended
            (:meth:`recsys.data.dataset.Dataset.recommendable`); None: every item.

    Raises:
        FloatingPointError: a score is not a number.
    """
    return Ranker(scorer, dataset, seen, k, block_size, every_rank, candidates).rank(queries)


@dataclass(frozen=True)
class _Block:
    """Queries that are ranked in one call, and what is asked of them.

    Attributes:
        rows: which queries, in the plan's order.
        ranked: those targets that can be ranked, in the plan's order.
        seen: int32 [pairs, 2], rows and items that are not ranked; None: all are.
        targets: int32 [at least the ranked targets, 2], their rows and items.
    """

    rows: slice
    ranked: np.ndarray
    seen: np.ndarray | None
    targets: np.ndarray


@dataclass(frozen=True)
class _Plan:
    """Everything about ranking some queries that the scorer's weights do not change.

    Attributes:
        asked: the queries as they were asked.
        queries: those of them that are ranked.
        repeats_left_out: targets left out because they repeat the history.
        order, target_order: of the queries and of their targets, as they are ranked.
        ordered: the queries in that order.
        lengths: events in the history of each, in that order.
        blocks: what is ranked in a call; empty: worked out while ranking.
    """

    asked: Queries
    queries: Queries
    repeats_left_out: int
    order: np.ndarray
    target_order: np.ndarray
    ordered: Queries
    lengths: np.ndarray
    blocks: list[_Block]


class Ranker:
    """Ranks again and again, compiled once; arguments as :func:`rank` has them.

    Asked the same queries again, it works out anew only what the scorer changes.
    """

    def __init__(
        self,
        scorer: Scorer | Embedder,
        dataset: Dataset,
        seen: Seen,
        k: int,
        block_size: int | None = None,
        every_rank: bool = True,
        candidates: np.ndarray | None = None,
    ) -> None:
        self._scorer = scorer
        self._dataset = dataset
        self._seen = seen
        self._k = k
        self._one_shape = on_accelerator()
        self._block_size = block_size or _block_size(scorer, self._one_shape)
        self._every_rank = every_rank
        ranked = np.ones(dataset.items, bool) if candidates is None else candidates
        self._candidates = ranked[: scorer.catalogue_items]
        # The catalogue may be smaller than what is asked for.
        self._found = min(k, scorer.catalogue_items)
        dim = scorer.item_vectors.shape[1] if isinstance(scorer, Embedder) else None
        self._block_ranker = BlockRanker(scorer.catalogue_items, self._found, dim)
        self._plan: _Plan | None = None

    def rank(self, queries: Queries) -> RankedQueries:
        """Ranks what is asked, with the scorer as it is now; see :func:`rank`."""
        if self._plan is None or self._plan.asked is not queries:
            self._plan = self._planned(queries)
        plan = self._plan
        if isinstance(self._scorer, Embedder):
            _refuse_nan(self._scorer, self._scorer.item_vectors)
            self._block_ranker.take_up(self._scorer.item_vectors, self._candidates)
        ranks = np.full(len(plan.target_order), UNRANKED, dtype=np.int32)
        top_items = np.full((len(plan.order), self._k), -1, dtype=np.int32)
        size = self._block_size
        if not self._one_shape:
            size = min(size, len(plan.order))
        for block in plan.blocks or self._blocks(plan):
            inputs = _scored(self._scorer, plan.ordered, block.rows, self._candidates, size)
            inputs |= {"every_place": np.array([self._every_rank]), "targets": block.targets}
            if block.seen is not None:
                inputs["seen"] = block.seen
            answer = self._block_ranker.predict_on_batch(inputs)
            ranks[plan.target_order[block.ranked]] = answer["places"][: len(block.ranked)]
            rows = plan.order[block.rows]
            top_items[rows, : self._found] = answer["top_items"][: len(rows)]
        if not self._every_rank:
            ranks[ranks > self._found] = UNRANKED
        return RankedQueries(plan.queries, ranks, top_items, plan.repeats_left_out)

    def _planned(self, asked: Queries) -> _Plan:
        queries, repeats = asked, 0
        if self._seen == "exclude":
            queries, repeats = without_repeats(self._dataset, queries)
        # Queries of similar history share a block, which is as wide as the longest.
        lengths = queries.history_ends - self._dataset.user_offsets[queries.users]
        order = np.argsort(lengths, kind="stable")
        ordered, target_order = queries.in_order(order)
        plan = _Plan(asked, queries, repeats, order, target_order, ordered, lengths[order], [])
        bytes_of_seen = 8 * max(int(lengths.sum()), SEEN_OF_A_QUERY * len(queries))
        if bytes_of_seen <= LARGEST_PLAN:
            plan.blocks.extend(self._blocks(plan))
        return plan

    def _blocks(self, plan: _Plan) -> Iterator[_Block]:
        """The blocks of queries; of one shape, none holds more than there is room for."""
        targets = plan.ordered.target_offsets
        seen = np.concatenate(([0], np.cumsum(plan.lengths)))
        queries = len(plan.order)
        begin = 0
        while begin < queries:
            end = begin + self._block_size
            if self._one_shape:
                room = TARGETS_OF_A_QUERY * self._block_size
                end = min(end, np.searchsorted(targets, targets[begin] + room, "right") - 1)
                room = SEEN_OF_A_QUERY * self._block_size
                end = min(end, np.searchsorted(seen, seen[begin] + room, "right") - 1)
            # A query that there is no room for is a block, and a shape, of its own.
            end = min(max(int(end), begin + 1), queries)
            yield self._block(plan.ordered, slice(begin, end))
            begin = end

    def _block(self, queries: Queries, rows: slice) -> _Block:
        """What is asked of some of the queries."""
        begin, end = queries.target_offsets[[rows.start, rows.stop]]
        items = queries.target_items[begin:end]
        known = np.flatnonzero(items < self._scorer.catalogue_items)
        known = known[self._candidates[items[known]]]
        asked = np.zeros((max(self._room(len(known), TARGETS_OF_A_QUERY), COUNTED), 2), np.int32)
        asked[: len(known), 0] = queries.target_queries[begin:end][known] - rows.start
        asked[: len(known), 1] = items[known]
        seen = self._seen_items(queries, rows) if self._seen == "exclude" else None
        return _Block(rows, begin + known, seen, asked)

    def _seen_items(self, queries: Queries, rows: slice) -> np.ndarray:
        places, items = history_pairs(self._dataset, queries, rows)
        no_item = self._scorer.catalogue_items
        known = np.flatnonzero(items < no_item)
        pairs = np.full((self._room(len(known), SEEN_OF_A_QUERY), 2), (0, no_item), np.int32)
        pairs[: len(known)] = np.stack([places[known], items[known]], axis=1)
        return pairs

    def _room(self, count: int, of_a_query: int) -> int:
        """What so many targets or seen items are filled up to."""
        least = of_a_query * self._block_size if self._one_shape else 1
        return max(_power_of_two(count), least)


def _block_size(scorer: Scorer | Embedder, on_accelerator: bool) -> int:
    """How many queries are ranked at a time."""
    if not on_accelerator:
        return QUERIES_ON_CPU
    most = LARGEST_SCORES // scorer.catalogue_items
    if isinstance(scorer, Embedder):
        most = min(most, LARGEST_HISTORIES // scorer.max_events)
    # The power of two below: twice as many would be too many.
    return min(QUERIES_ON_ACCELERATOR, 1 << max(most, 1).bit_length() - 1)


def _scored(
    scorer: Scorer | Embedder, queries: Queries, block: slice, candidates: np.ndarray, rows: int
) -> dict[str, np.ndarray]:
    """What the block ranker reads of a scorer; so many rows, the block's first."""
    if isinstance(scorer, Embedder):
        name, values = "queries", scorer.embed(queries, block, rows)
    else:
        name, values = "scores", scorer.score(queries, block)
    values = np.asarray(values, dtype=np.float32)
    _refuse_nan(scorer, values)
    if name == "scores" and not candidates.all():
        values = np.where(candidates, values, np.float32(LOWEST))
    return {name: _filled(values, rows)}


def _refuse_nan(scorer: Scorer | Embedder, values: np.ndarray | None) -> None:
    if values is not None and np.isnan(values).any():
        raise FloatingPointError(
            f"{type(scorer).__name__} scored NaN: the model has diverged, or a feature is NaN"
        )


def _filled(array: np.ndarray, rows: int) -> np.ndarray:
    """As many rows; the first one again after those that there are."""
    missing = rows - len(array)
    return np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) if missing else array


def _power_of_two(count: int) -> int:
    """The next power of two."""
    return 1 << max(count - 1, 0).bit_length()


def history_pairs(
    dataset: Dataset, queries: Queries, block: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Row in the block and item of every event in the queries' histories."""
    begins = np.asarray(dataset.user_offsets[queries.users[block]])
    ends = queries.history_ends[block]
    rows = np.repeat(np.arange(len(begins)), ends - begins)
    return rows, dataset.event_items[ranges(begins, ends)]


def without_repeats(dataset: Dataset, queries: Queries) -> tuple[Queries, int]:
    """Leaves out targets that are in their query's history, and queries left empty.

    Returns:
        What is left, and how many targets are not.
    """
    repeated = np.zeros(len(queries.target_items), dtype=bool)
    for begin in range(0, len(queries), 4096):
        block = slice(begin, min(begin + 4096, len(queries)))
        rows, items = history_pairs(dataset, queries, block)
        targets = slice(*queries.target_offsets[[block.start, block.stop]])
        seen = np.sort(rows.astype(np.int64) * dataset.items + items)
        asked = (queries.target_queries[targets] - begin) * dataset.items
        asked = asked + queries.target_items[targets]
        places = np.searchsorted(seen, asked)
        there = np.flatnonzero(places < len(seen))
        repeated[targets.start + there] = seen[places[there]] == asked[there]
    return queries.with_targets(~repeated)[0], int(repeated.sum())
