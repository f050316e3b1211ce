"""The gate before publication: is the exported model the one that was trained?

It asks the model, read back as a caller without this package would, and compares every
signature with the trained model's own answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.errors import ParityError
from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.reranking import item_bonus
from recsys.export.filter_probes import allowed_items, filter_probes
from recsys.export.filters import attribute_columns, describe_filters, filter_inputs
from recsys.export.inputs import (
    EXCLUDE,
    HISTORY,
    HISTORY_TIME,
    ITEM_ID,
    UNKNOWN,
    InputFeatures,
    id_matrix,
    input_name,
    serving_inputs,
)
from recsys.export.probes import Probes
from recsys.export.replayed_order import ReplayedOrder
from recsys.export.signatures import Arrays, Signatures
from recsys.models.retriever import Retriever

# Longer than any id would be, and with characters that no log has.
UNKNOWN_ID = "\x00 an id that the catalogue does not hold"
SIGNATURES = ("embed_items", "embed_query", "recommend_excluding", "serving_default")
# Each is asked of every signature: one query, a number that is no power of two, and many.
BATCH_SIZES = (1, 7, 256)


class ParityGate:
    """Compares an exported model with probes.

    A score may differ from the trained model's by ``tolerance`` times its
    scale, which is its own size or the root mean square of its query's scores,
    whichever is larger (near zero a relative difference means nothing). Items
    may change places only where the trained model's scores differ by less.

    Args:
        signatures: of the exported model.
        retriever: for its shape (catalogue, dim, inputs).
        dataset: for the ids.
        seen: as exported.
        k: as exported.
        tolerance: relative, e.g. 1e-4.
        fitted_part: the last part that the model was fitted on, by which items are context.
        filters: as exported.
        rerank: as exported.
    """

    def __init__(
        self,
        signatures: Signatures,
        retriever: Retriever,
        dataset: Dataset,
        seen: Seen,
        k: int,
        tolerance: float,
        fitted_part: Part,
        filters: Sequence[str] = (),
        rerank: RerankConfig | None = None,
    ) -> None:
        self._signatures, self.call = signatures, signatures.call
        self._retriever = retriever
        self.dataset = dataset
        self._excludes_seen = seen == "exclude"
        self._k = k
        self._tolerance = tolerance
        self._item_index = {
            item: index for index, item in enumerate(dataset.item_ids[: retriever.catalogue_items])
        }
        self._recommendable = dataset.recommendable(fitted_part)[: retriever.catalogue_items]
        self._columns = attribute_columns(dataset, filters, retriever.catalogue_items)
        self._rerank = rerank
        if rerank is not None:
            self._bonus = item_bonus(rerank, dataset, retriever.catalogue_items, fitted_part)
        features = InputFeatures.of_spec(retriever.batch_spec, dataset)
        self._event_features = [input_name(feature) for feature in features.event]
        self._largest_difference = 0.0

    def check(self, probes: Probes) -> dict[str, Any]:
        """Runs every check.

        Returns:
            ``probes``, ``batch_sizes`` and ``largest_relative_difference``, for the manifest.

        Raises:
            ParityError: naming the signature, the probe and the difference.
        """
        self._check_contract()
        self._check_items(probes)
        queries = self._queries(probes)
        self._check_embeddings(probes, queries)
        asked = {
            "serving_default": self._check_recommendations(probes, queries),
            "recommend_excluding": self._check_exclusions(probes, queries),
        }
        if self._columns:
            asked["recommend_filtered"] = self._check_filters(probes, queries)
        self._check_batches(probes, queries, asked)
        self._check_unknown_ids(queries)
        self._check_no_events(queries)
        return {
            "probes": len(probes.histories),
            "batch_sizes": list(BATCH_SIZES),
            "largest_relative_difference": self._largest_difference,
        }

    def _check_contract(self) -> None:
        found = self._signatures.describe()
        expected = sorted([*SIGNATURES, *(["recommend_filtered"] if self._columns else [])])
        if sorted(found) != expected:
            raise ParityError(f"expected the signatures {expected}, found {sorted(found)}")
        answers = {
            ITEM_ID: {"dtype": "string", "shape": [None, self._k]},
            "score": {"dtype": "float32", "shape": [None, self._k]},
        }
        embedding = {"embedding": {"dtype": "float32", "shape": [None, self._retriever.config.dim]}}
        for name in expected:
            outputs = embedding if name.startswith("embed") else answers
            if found[name]["outputs"] != outputs:
                raise ParityError(
                    f"{name} returns {found[name]['outputs']}, by contract it returns {outputs}"
                )

    def _queries(self, probes: Probes) -> Arrays:
        return serving_inputs(self.dataset, self._retriever.batch_spec, probes.histories)

    def _check_items(self, probes: Probes) -> None:
        sample = np.unique(np.linspace(0, len(probes.item_vectors) - 1, 1000).astype(int))
        ids = [self.dataset.item_ids[item] for item in sample]
        vectors = self.call("embed_items", {ITEM_ID: np.array([*ids, UNKNOWN_ID], object)})
        self.compare("embed_items", vectors["embedding"][:-1], probes.item_vectors[sample])
        if vectors["embedding"][-1].any():
            raise ParityError("embed_items gives an unknown item a vector other than zeros")

    def _check_embeddings(self, probes: Probes, queries: Arrays) -> None:
        embeddings = self.call("embed_query", queries)["embedding"]
        self.compare("embed_query", embeddings, probes.embeddings)

    def _check_recommendations(self, probes: Probes, queries: Arrays) -> tuple[Arrays, Arrays]:
        """The inputs and the answers, both of all probes."""
        answers = self.call("serving_default", queries)
        for probe, history in enumerate(probes.histories.items):
            left_out = history if self._excludes_seen else history[:0]
            self._compare_ranking("serving_default", probe, probes, answers, left_out)
        return queries, answers

    def _check_exclusions(self, probes: Probes, queries: Arrays) -> tuple[Arrays, Arrays]:
        """The inputs and the answers, both of all probes."""
        best = self.call("serving_default", queries)[ITEM_ID][:, :3]
        excluded = [[item.decode() for item in row] + [UNKNOWN_ID] for row in best]
        inputs = {**queries, EXCLUDE: id_matrix(excluded)}
        answers = self.call("recommend_excluding", inputs)
        for probe, history in enumerate(probes.histories.items):
            items = [self._item_index[i] for i in excluded[probe] if i in self._item_index]
            left_out = np.asarray(items, np.int64)
            if self._excludes_seen:
                left_out = np.append(left_out, history)
            self._compare_ranking("recommend_excluding", probe, probes, answers, left_out)
        return inputs, answers

    def _check_filters(self, probes: Probes, queries: Arrays) -> tuple[Arrays, Arrays]:
        """The inputs and the answers, both of all probes."""
        described = describe_filters(self._columns, self._recommendable)
        wheres = filter_probes(self._columns, len(probes.histories))
        best = self.call("serving_default", queries)[ITEM_ID][:, :1]
        excluded = [[item.decode() for item in row] for row in best]
        inputs = {**queries, EXCLUDE: id_matrix(excluded), **filter_inputs(described, wheres)}
        answers = self.call("recommend_filtered", inputs)
        for probe, history in enumerate(probes.histories.items):
            items = [self._item_index[item] for item in excluded[probe] if item]
            left_out = np.asarray(items, np.int64)
            if self._excludes_seen:
                left_out = np.append(left_out, history)
            allowed = allowed_items(self._columns, wheres[probe])
            self._compare_ranking("recommend_filtered", probe, probes, answers, left_out, allowed)
        return inputs, answers

    def _check_batches(
        self, probes: Probes, queries: Arrays, asked: Mapping[str, tuple[Arrays, Arrays]]
    ) -> None:
        """Batches of every size are answered as all probes at once were.

        Args:
            probes, queries: what is asked.
            asked: by signature, inputs and answers of all probes that were found right.
        """
        scale = self._typical_scores(probes)
        for size in BATCH_SIZES:
            # The awkward probes come first: one query is a real one.
            rows = np.arange(len(probes.histories) - size, len(probes.histories))
            rows %= len(probes.histories)
            vectors = self.call("embed_query", self._rows(queries, probes, rows))["embedding"]
            self.compare(f"embed_query, batch of {size},", vectors, probes.embeddings[rows])
            items = np.arange(size) % len(probes.item_vectors)
            ids = np.array([self.dataset.item_ids[item] for item in items], object)
            vectors = self.call("embed_items", {ITEM_ID: ids})["embedding"]
            self.compare(f"embed_items, batch of {size},", vectors, probes.item_vectors[items])
            for signature, (inputs, answers) in asked.items():
                found = self.call(signature, self._rows(inputs, probes, rows))
                expected = {name: values[rows] for name, values in answers.items()}
                what = f"{signature}, batch of {size},"
                self._compare_answers(what, found, expected, probes, rows, scale[rows])

    def _rows(self, inputs: Arrays, probes: Probes, rows: np.ndarray) -> Arrays:
        """Some rows, of histories no wider than the longest of them."""
        width = max(len(probes.histories.items[row]) for row in rows)
        per_event = {HISTORY, HISTORY_TIME, *self._event_features}
        return {
            name: values[rows, :width] if name in per_event else values[rows]
            for name, values in inputs.items()
        }

    @staticmethod
    def _typical_scores(probes: Probes) -> np.ndarray:
        """The root mean square of each probe's scores of all items, without computing these."""
        vectors = probes.item_vectors.astype(np.float64)
        moments = vectors.T @ vectors / len(vectors)
        queries = probes.embeddings.astype(np.float64)
        return np.sqrt(np.maximum(np.einsum("pd,de,pe->p", queries, moments, queries), 0.0))

    def _compare_answers(
        self,
        what: str,
        found: Arrays,
        expected: Arrays,
        probes: Probes,
        rows: np.ndarray,
        typical: np.ndarray,
    ) -> None:
        """Compares answers with those of other calls, place by place."""
        scores, ideal = found["score"], expected["score"]
        shown = np.isfinite(ideal)
        if scores.shape != ideal.shape or ((found[ITEM_ID] != b"") != shown).any():
            raise ParityError(f"{what} returns another number of items than all probes at once")
        scale = np.maximum(np.abs(ideal), typical[:, np.newaxis])
        scale = np.maximum(scale, np.finfo(np.float32).tiny)[shown]
        if self._rerank is not None:
            # The order's values follow from the whole answer; that one was found right.
            self._judge(f"{what} scores", np.abs(scores[shown] - ideal[shown]) / scale)
            return
        ids = [item.decode() for item in found[ITEM_ID][shown]]
        items = np.array([self._item_index.get(item, UNKNOWN) for item in ids], np.int64)
        queries = probes.embeddings[np.repeat(rows, shown.sum(axis=1))]
        own = np.einsum("ad,ad->a", probes.item_vectors[items], queries)
        own[items == UNKNOWN] = np.nan  # which is refused
        self._judge(f"{what} scores", np.abs(scores[shown] - own) / scale)
        self._judge(f"{what} order", np.abs(own - ideal[shown]) / scale)

    def _check_unknown_ids(self, queries: Arrays) -> None:
        """Unknown ids and padding, at either end and between, change nothing."""

        def noisy(events: np.ndarray, noise: list) -> np.ndarray:
            added = np.tile(np.array([noise], events.dtype), (len(events), 1))
            first, second = np.array_split(events, 2, axis=1)
            return np.concatenate([added, first, added, second, added], axis=1)

        changed = {**queries, HISTORY: noisy(queries[HISTORY], ["", UNKNOWN_ID])}
        if HISTORY_TIME in queries:
            changed[HISTORY_TIME] = noisy(queries[HISTORY_TIME], [0, 10**9])
        for name in self._event_features:
            is_text = queries[name].dtype == object
            changed[name] = noisy(queries[name], ["", UNKNOWN_ID] if is_text else [np.nan, 1e9])
        clean = self.call("embed_query", queries)["embedding"]
        found = self.call("embed_query", changed)["embedding"]
        self.compare("embed_query, unknown ids added,", found, clean)

    def _check_no_events(self, queries: Arrays) -> None:
        """A history without a single column is answered."""
        events = queries.keys() & {HISTORY, HISTORY_TIME, *self._event_features}
        no_events = {name: queries[name][:, :0] for name in events}
        scores = self.call("serving_default", {**queries, **no_events})
        if not np.isfinite(scores["score"][:, 0]).all():
            raise ParityError("serving_default does not answer a history without events")

    def compare(self, what: str, found: np.ndarray, expected: np.ndarray) -> None:
        """Compares vectors, row by row, each relative to its own length."""
        if not np.isfinite(found).all():
            raise ParityError(f"{what} returns values that are not finite")
        scale = np.maximum(np.linalg.norm(expected, axis=1), np.finfo(np.float32).tiny)
        difference = np.linalg.norm(found - expected, axis=1) / scale
        self._judge(what, difference)

    def _compare_ranking(
        self,
        signature: str,
        probe: int,
        probes: Probes,
        answers: Arrays,
        left_out: np.ndarray,
        allowed: np.ndarray | None = None,
    ) -> None:
        what = f"{signature}, probe {probe},"
        expected = probes.item_vectors @ probes.embeddings[probe]
        allowed = self._recommendable & (True if allowed is None else allowed)
        allowed[left_out[left_out < len(expected)]] = False
        ideal = np.sort(expected[allowed])[::-1][: self._k]
        typical = np.sqrt(np.mean(np.square(expected)))
        tiny = np.finfo(np.float32).tiny

        ids, scores = answers[ITEM_ID][probe], answers["score"][probe]
        returned = [self._item_index.get(item.decode(), UNKNOWN) for item in ids if item]
        if UNKNOWN in returned or not allowed[returned].all():
            raise ParityError(f"{what} returns an item that was to be left out")
        if len(returned) != len(ideal) or len(set(returned)) != len(returned):
            raise ParityError(f"{what} returns {len(returned)} items instead of {len(ideal)}")
        if any(ids[len(ideal) :]) or not np.isneginf(scores[len(ideal) :]).all():
            raise ParityError(f'{what} does not end in "" and −∞')

        found = expected[returned]
        if self._rerank is not None:
            order = ReplayedOrder(self._rerank, self._bonus, probes.item_vectors, self._k)
            pool = np.flatnonzero(allowed)
            found, ideal = order.replay(expected, pool, returned)
        scale = np.maximum(np.maximum(np.abs(ideal), typical), tiny)
        self._judge(f"{what} scores", np.abs(scores[: len(ideal)] - found) / scale)
        self._judge(f"{what} order", np.abs(found - ideal) / scale)

    def _judge(self, what: str, relative_difference: np.ndarray) -> None:
        worst = float(relative_difference.max(initial=0.0))
        # Written so that NaN is refused too.
        if not worst <= self._tolerance:
            raise ParityError(
                f"{what} differs from the trained model by {worst:.2g} relative; "
                f"accepted is {self._tolerance:.2g}. Nothing was published."
            )
        self._largest_difference = max(self._largest_difference, worst)
