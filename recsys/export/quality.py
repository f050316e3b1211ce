"""The gate before publication: does the SavedModel recommend as well as was evaluated?

It is asked through its signatures for queries of the test part, and where the held-out items stand
in its answers is compared with ``ranks.parquet``. Parity holds single scores together; this holds
what surrounds them: which histories were read, what was left out, which weights were evaluated.

Legend of shapes: T held-out items of a block, D those of them whose rank differs, K answers, V
dimensions of a vector.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recsys.batch import BatchSpec
from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.queries import Queries
from recsys.errors import ParityError
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import RankedQueries
from recsys.evaluation.ranks_file import read_ranks
from recsys.export.blocks import EVENTS, QUERIES, SCORES
from recsys.export.inputs import HISTORY, ITEM_ID, Histories, event_times, serving_inputs
from recsys.system.display import counted

# Graphics cards, which may have evaluated, round factors to 10 bits of mantissa: a score then
# moves by up to 2⁻¹⁰ of the product of both vectors' lengths, and the query's vector as well.
ROUNDING = 2**-8
METRICS = ("recall", "ndcg")

Call = Callable[[str, dict[str, np.ndarray]], dict[str, np.ndarray]]


class QualityGate:
    """Compares recommendations with the evaluation, query by query.

    Ranks may differ only where scores are so near each other that rounding explains it. Ties
    count against the held-out item, as in the evaluation.

    Args:
        call: asks the SavedModel: a signature's name and its inputs.
        dataset: that was evaluated on.
        spec: what the model reads.
        catalogue_items: of the model.
        k: items that it returns.
    """

    def __init__(
        self, call: Call, dataset: Dataset, spec: BatchSpec, catalogue_items: int, k: int
    ) -> None:
        self._call = call
        self._dataset = dataset
        self._spec = spec
        self._catalogue_items = catalogue_items
        self._k = k

    def check(self, ranks: Path, cutoffs: Sequence[int], most: int, seed: int) -> dict[str, Any]:
        """Asks for some of the evaluated queries and compares.

        Args:
            ranks: ``ranks.parquet`` of the model's evaluation.
            cutoffs: that metrics look at; those beyond what the model returns count as that.
            most: queries at most; if there are more, as many are drawn.
            seed: of the draw.

        Returns:
            For the manifest: ``queries`` asked, of how many ``evaluated_queries``; their ``users``
            and ``targets``; ``near_ties``, the targets whose rank differs by rounding alone; and
            ``metrics``, name to the ``value`` found and that ``evaluated``.

        Raises:
            ParityError: the ranks differ by more; with the metrics of both.
        """
        every = read_ranks(ranks, self._dataset)
        evaluated = self._by_length(_drawn(every, most, seed))
        queries = evaluated.queries
        cuts = sorted({min(cut, self._k) for cut in cutoffs})
        depth = cuts[-1]
        expected = np.minimum(evaluated.ranks, depth + 1)
        found = np.zeros(len(expected), np.int32)
        explained = np.zeros(len(expected), bool)
        for block in self._blocks(queries):
            targets = slice(*queries.target_offsets[[block.start, block.stop]])
            found[targets], explained[targets] = self._ranks(
                queries, block, targets, expected[targets], depth
            )
        metrics = _metrics(
            replace(evaluated, ranks=found), replace(evaluated, ranks=expected), cuts
        )
        if not explained.all():
            differing = np.count_nonzero(~explained)
            raise ParityError(
                f"the SavedModel does not recommend as was evaluated: {_in_words(metrics)}; in "
                f"{counted(len(queries), 'test query', 'test queries')}, the ranks of "
                f"{differing:,} of {counted(len(found), 'held-out item')} differ by more than "
                "rounding explains. Nothing was published."
            )
        return {
            "queries": len(queries),
            "evaluated_queries": len(every.queries),
            "users": len(np.unique(queries.users)),
            "targets": len(found),
            "near_ties": int(np.count_nonzero(found != expected)),
            "metrics": metrics,
        }

    def _by_length(self, evaluated: RankedQueries) -> RankedQueries:
        """In the order of their histories' lengths: those of a block are padded to one width."""
        queries = evaluated.queries
        lengths = queries.history_ends - self._dataset.user_offsets[queries.users]
        order = np.argsort(lengths, kind="stable")
        ordered, targets = queries.in_order(order)
        return replace(
            evaluated,
            queries=ordered,
            ranks=evaluated.ranks[targets],
            top_items=evaluated.top_items[order],
        )

    def _blocks(self, queries: Queries) -> Iterator[slice]:
        """Queries for one call each, no more than memory has room for."""
        lengths = queries.history_ends - self._dataset.user_offsets[queries.users]
        most = min(QUERIES, max(1, SCORES // self._catalogue_items))
        begin = 0
        while begin < len(queries):
            end = min(begin + most, len(queries))
            # The last one is the longest.
            while end > begin + 1 and lengths[end - 1] * (end - begin) > EVENTS:
                end = begin + (end - begin + 1) // 2
            yield slice(begin, end)
            begin = end

    def _ranks(
        self, queries: Queries, block: slice, targets: slice, expected: np.ndarray, depth: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of a block's targets: the rank, at most ``depth`` + 1, and whether it is as expected.

        Args:
            queries: of which ``block`` are asked, with these ``targets``.
            block, targets: see above.
            expected: int [targets of the block], their evaluated ranks.
            depth: ranks beyond it are all alike.
        """
        inputs = serving_inputs(self._dataset, self._spec, self._histories(queries, block))
        answer = self._call("serving_default", inputs)
        rows = queries.target_queries[targets] - block.start
        ids = [self._dataset.item_ids[item] for item in queries.target_items[targets]]
        scores_TK = answer["score"][rows]
        is_own_TK = answer[ITEM_ID][rows] == np.array([[each.encode()] for each in ids], object)
        own_T = scores_TK[np.arange(len(rows)), is_own_TK.argmax(axis=1)]
        reaching_T = (scores_TK >= own_T[:, np.newaxis]).sum(axis=1)
        found = np.where(is_own_TK.any(axis=1), np.minimum(reaching_T, depth + 1), depth + 1)

        explained = found == expected
        if (differing := np.flatnonzero(~explained)).size:
            query_DV = self._call("embed_query", inputs)["embedding"][rows[differing]]
            own_ids = np.array([ids[place] for place in differing], object)
            item_DV = self._call("embed_items", {ITEM_ID: own_ids})["embedding"]
            first, last = _possible_ranks(
                query_DV, item_DV, scores_TK[differing], is_own_TK[differing], depth
            )
            ranks = np.stack([found[differing], expected[differing]])
            explained[differing] = (ranks >= first).all(axis=0) & (ranks <= last).all(axis=0)
        return found, explained

    def _histories(self, queries: Queries, block: slice) -> Histories:
        dataset = self._dataset
        begins = dataset.user_offsets[queries.users[block]]
        events = [
            slice(int(begin), int(end))
            for begin, end in zip(begins, queries.history_ends[block], strict=True)
        ]
        features = {
            name: [np.asarray(dataset.feature("event", name)[each]) for each in events]
            for name in self._spec.event_features
        }
        return Histories(
            [np.asarray(dataset.event_items[each]) for each in events],
            [event_times(dataset, each) for each in events],
            features,
            queries.users[block],
        )


class PlainOrder:
    """A reranked SavedModel in the order of its scores, which is what was evaluated.

    What ``serving_default`` would answer without ``export.rerank`` is worked out from the vectors
    that the SavedModel gives; that it reranks by its rule is held by parity.

    Args:
        call: asks the SavedModel.
        dataset: for the ids.
        recommendable: bool [items of the catalogue].
        seen: as exported.
        k: as exported.
    """

    def __init__(
        self, call: Call, dataset: Dataset, recommendable: np.ndarray, seen: Seen, k: int
    ) -> None:
        self._call = call
        self._ids = np.array([id.encode() for id in dataset.item_ids[: len(recommendable)]], object)
        self._places = {id: place for place, id in enumerate(dataset.item_ids[: len(self._ids)])}
        self._recommendable = recommendable
        self._excludes_seen = seen == "exclude"
        self._k = k
        ids = np.array(dataset.item_ids[: len(recommendable)], object)
        self._vectors = call("embed_items", {ITEM_ID: ids})["embedding"]

    def __call__(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As the SavedModel, but for the order of ``serving_default``."""
        if signature != "serving_default":
            return self._call(signature, inputs)
        scores = self._call("embed_query", inputs)["embedding"] @ self._vectors.T
        scores[:, ~self._recommendable] = -np.inf
        if self._excludes_seen:
            for row, history in zip(scores, inputs[HISTORY], strict=True):
                row[[self._places[item] for item in history if item in self._places]] = -np.inf
        k = min(self._k, scores.shape[1])
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        values = np.take_along_axis(values, order, axis=1)
        ids = self._ids[np.take_along_axis(best, order, axis=1)]
        return {ITEM_ID: np.where(np.isneginf(values), b"", ids), "score": values}


def _drawn(evaluated: RankedQueries, most: int, seed: int) -> RankedQueries:
    """Some of the queries, each as likely as any other; all, if there are no more."""
    queries = evaluated.queries
    if len(queries) <= most:
        return evaluated
    chosen = np.zeros(len(queries), bool)
    chosen[np.random.default_rng(seed).choice(len(queries), most, replace=False)] = True
    keep = chosen[queries.target_queries]
    return replace(
        evaluated,
        queries=queries.with_targets(keep)[0],
        ranks=evaluated.ranks[keep],
        top_items=evaluated.top_items[chosen],
    )


def _possible_ranks(
    query_DV: np.ndarray,
    item_DV: np.ndarray,
    scores_DK: np.ndarray,
    is_own_DK: np.ndarray,
    depth: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The best and the worst rank that rounding can give to held-out items, int [D].

    An item that the answer holds with another score than its own has none (the worst is 0).

    Args:
        query_DV, item_DV: float32, the vectors of each one's query and of the item itself.
        scores_DK: float32, the scores of the query's answer.
        is_own_DK: bool, where the item itself is in the answer.
        depth: ranks beyond it are all ``depth`` + 1.
    """
    score_D = np.einsum("dv,dv->d", query_DV, item_DV)
    band_D = ROUNDING * np.linalg.norm(query_DV, axis=1) * np.linalg.norm(item_DV, axis=1)
    others_DK = np.where(is_own_DK, -np.inf, scores_DK)
    first_D = 1 + (others_DK > (score_D + band_D)[:, np.newaxis]).sum(axis=1)
    last_D = 1 + (others_DK >= (score_D - band_D)[:, np.newaxis]).sum(axis=1)
    # The answer ends within reach: what comes after it may reach the item, too.
    worst_D = scores_DK[:, -1]
    last_D[np.isfinite(worst_D) & (score_D - band_D <= worst_D)] = depth + 1
    shown_D = np.where(is_own_DK, scores_DK, 0).sum(axis=1)
    last_D[is_own_DK.any(axis=1) & (np.abs(shown_D - score_D) > band_D)] = 0
    return np.minimum(first_D, depth + 1), np.minimum(last_D, depth + 1)


def _metrics(
    found: RankedQueries, evaluated: RankedQueries, cuts: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Of both rankings: name to ``value`` and ``evaluated``."""
    values, others = (ranking_metrics(ranked, cuts) for ranked in (found, evaluated))
    names = [f"{kind}@{cut}" for kind in METRICS for cut in cuts]
    return {
        name: {"value": float(values[name].mean()), "evaluated": float(others[name].mean())}
        for name in names
    }


def _in_words(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """The metrics that differ, of both."""
    differing = {name: each for name, each in metrics.items() if each["value"] != each["evaluated"]}
    return ", ".join(
        f"{name} is {each['value']:.4f}, evaluated was {each['evaluated']:.4f}"
        for name, each in (differing or metrics).items()
    )
