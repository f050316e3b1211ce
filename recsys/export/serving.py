"""The graph of the SavedModel: ids in, recommendations out.

Legend of shapes: B queries, E events of a history, W events that the encoder
reads at most, X ids to leave out, N items of the catalogue, D dimensions,
K answers.

Only plain TensorFlow operations end up in the graph, and only variables and
lookup tables are tracked, no Keras object: so the SavedModel loads where there
is nothing but TensorFlow. This module imports TensorFlow Recommenders, hence
only in a process that was started with ``TF_USE_LEGACY_KERAS=1``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_recommenders.layers.factorized_top_k import BruteForce

from recsys.batch import EVENT_FEATURE, USER_FEATURE
from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature, Side
from recsys.data.manifest import Part
from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.reranking import item_bonus
from recsys.export.features.kinds import SERVED
from recsys.export.features.served import ServedFeature
from recsys.export.filters import attribute_columns
from recsys.export.inputs import (
    EXCLUDE,
    HISTORY,
    HISTORY_TIME,
    ITEM_ID,
    UNKNOWN,
    USER_ID,
    InputFeatures,
    input_name,
)
from recsys.export.item_filters import item_filter
from recsys.export.lookup import look_up, lookup_table
from recsys.export.reranker import Reranker
from recsys.models.retriever import Retriever

Inputs = Mapping[str, tf.Tensor]


class ServingGraph:
    """Builds the signatures around a trained retriever.

    Args:
        retriever: the trained model, loaded on the TensorFlow backend.
        dataset: holds the ids and the vocabularies.
        seen: ``exclude`` leaves every id of the history out of the answers.
        k: how many answers a row has; where there are fewer, it ends in ``""``
            and −∞.
        fitted_part: the last part that the retriever was fitted on: what is context
            only until then is read, and never an answer.
        filters: names of the attributes that requests may filter by.
        rerank: how the best items are put in another order; None: they stay.
    """

    def __init__(
        self,
        retriever: Retriever,
        dataset: Dataset,
        seen: Seen,
        k: int,
        fitted_part: Part,
        filters: Sequence[str] = (),
        rerank: RerankConfig | None = None,
    ) -> None:
        self._retriever = retriever
        self._max_events = retriever.config.max_events
        self._excludes_seen = seen == "exclude"
        self._k = k

        item_ids = dataset.item_ids[: retriever.catalogue_items]
        self._item_ids = tf.constant(item_ids, tf.string)
        self._items = lookup_table(item_ids)
        self._tables: dict[str, tf.lookup.StaticHashTable] = {ITEM_ID: self._items}
        if retriever.batch_spec.user:
            self._tables[USER_ID] = lookup_table(dataset.user_ids)
        features = InputFeatures.of_spec(retriever.batch_spec, dataset)
        self._user_features = self._served("user", features.user, dataset)
        self._event_features = self._served("event", features.event, dataset)

        vectors = retriever.item_vectors()
        recommendable = dataset.recommendable(fitted_part)[: len(item_ids)]
        candidates = tf.constant(np.flatnonzero(recommendable), tf.int32)
        self._candidates = len(candidates)
        columns = attribute_columns(dataset, filters, len(item_ids))
        self._filters = {name: item_filter(columns[name].filter(recommendable)) for name in columns}
        for name, each in self._filters.items():
            if each.table is not None:
                self._tables[f"item_attribute.{name}"] = each.table
        if recommendable.all():
            self._index = BruteForce(k=k).index(vectors, candidates)
            # One copy of the vectors serves the search, the histories and embed_items.
            self._item_vectors = self._index._candidates
        else:
            self._index = BruteForce(k=k).index(tf.gather(vectors, candidates), candidates)
            self._item_vectors = tf.Variable(vectors, trainable=False)
        self._reranker: Reranker | None = None
        # How many of the best are looked at.
        self._wanted = k
        if rerank is not None:
            bonus = item_bonus(rerank, dataset, len(item_ids), fitted_part)
            self._reranker = Reranker(rerank.diversity, bonus, k)
            self._wanted = max(k, min(rerank.candidates * k, self._candidates))

    def _served(
        self, side: Side, features: Sequence[Feature], dataset: Dataset
    ) -> list[tuple[Feature, ServedFeature]]:
        """Features as callers send them; their vocabularies are tables of the graph."""
        found = []
        for feature in features:
            words = dataset.vocabulary(side, feature.name) if feature.vocabulary_size else []
            served = SERVED[feature.kind](feature, words)
            found.append((feature, served))
            if served.table is not None:
                self._tables[f"{side}_feature.{feature.name}"] = served.table
        return found

    def save(self, folder: Path) -> None:
        """Writes the SavedModel."""
        module = tf.Module()
        signatures = self._signatures()
        module.tables = self._tables
        # Whatever the graphs read, and nothing else: no optimizer slots, no
        # arrays that only the item tower needs.
        variables = {v.ref(): v for f in signatures.values() for v in f.graph.variables}
        module.state = [reference.deref() for reference in variables]
        tf.saved_model.save(module, str(folder), signatures=signatures)

    def _signatures(self) -> dict[str, Any]:
        ids = tf.TensorSpec([None, None], tf.string)
        query = {HISTORY: ids, **self._further_specs()}
        excluding = {**query, EXCLUDE: ids}
        signatures = {
            "serving_default": _trace(self.recommend, query),
            "recommend_excluding": _trace(self.recommend, excluding),
            "embed_query": _trace(self.embed_query, query),
            "embed_items": _trace(self.embed_items, {ITEM_ID: tf.TensorSpec([None], tf.string)}),
        }
        if self._filters:
            filters = {name: each.spec for name, each in self._filters.items()}
            signatures["recommend_filtered"] = _trace(self.recommend, {**excluding, **filters})
        return signatures

    def _further_specs(self) -> dict[str, tf.TensorSpec]:
        specs = {}
        if self._retriever.batch_spec.times:
            specs[HISTORY_TIME] = tf.TensorSpec([None, None], tf.int64)
        if self._retriever.batch_spec.user:
            specs[USER_ID] = tf.TensorSpec([None], tf.string)
        for feature, served in self._user_features:
            specs[input_name(feature)] = served.spec
        for feature, served in self._event_features:
            specs[input_name(feature)] = tf.TensorSpec([None, None], served.spec.dtype)
        return specs

    def recommend(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """Signatures ``serving_default``, with ``exclude`` ``recommend_excluding``, and with
        what is allowed of the items' attributes ``recommend_filtered``.
        """
        history_BE = look_up(self._items, inputs[HISTORY])
        left_out = [history_BE] if self._excludes_seen else []
        if EXCLUDE in inputs:
            left_out.append(look_up(self._items, inputs[EXCLUDE]))
        query_BD = self._embed(history_BE, inputs)
        # One column more keeps the width above zero, which the search below needs.
        no_item = tf.fill([tf.shape(query_BD)[0], 1], UNKNOWN)
        allowed = [each.allowed(inputs[n]) for n, each in self._filters.items() if n in inputs]
        return self._top_k(query_BD, tf.concat([*left_out, no_item], axis=1), allowed)

    def embed_query(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """Signature ``embed_query``."""
        return {"embedding": self._embed(look_up(self._items, inputs[HISTORY]), inputs)}

    def embed_items(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """Signature ``embed_items``; an unknown item has a vector of zeros."""
        items = look_up(self._items, inputs[ITEM_ID])
        known = tf.cast(items != UNKNOWN, tf.float32)
        vectors = tf.gather(self._item_vectors, tf.maximum(items, 0))
        return {"embedding": vectors * known[:, tf.newaxis]}

    def _embed(self, history_BE: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        known_BE = history_BE != UNKNOWN
        history_BW, length_B = self._window(history_BE, known_BE)
        encoded = {HISTORY: history_BW, "length": length_B}
        if self._retriever.batch_spec.times:
            times_BW, _ = self._window(inputs[HISTORY_TIME], known_BE)
            encoded["history_times"] = elapsed(times_BW, length_B)
        if self._retriever.batch_spec.user:
            encoded["user"] = look_up(self._tables[USER_ID], inputs[USER_ID])
        for feature, served in self._user_features:
            encoded[USER_FEATURE + feature.name] = served.encode(inputs[input_name(feature)])
        for feature, served in self._event_features:
            given_BE = inputs[input_name(feature)]
            codes_BE = tf.reshape(served.encode(tf.reshape(given_BE, [-1])), tf.shape(given_BE))
            encoded[EVENT_FEATURE + feature.name], _ = self._window(codes_BE, known_BE)
        embedding = self._retriever.embed_query(encoded, item_vectors=self._item_vectors)
        return tf.ensure_shape(embedding, [None, self._retriever.config.dim])

    def _window(self, values_BE: tf.Tensor, known_BE: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Values of the last known events, right-padded with 0, and how many they are."""
        window = tf.ragged.boolean_mask(values_BE, known_BE)[:, -self._max_events :]
        values_BW = window.to_tensor(default_value=0)
        # Encoders read the last position of a history, so there is always one.
        missing = tf.maximum(0, 1 - tf.shape(values_BW)[1])
        values_BW = tf.pad(values_BW, [[0, 0], [0, missing]])
        return values_BW, tf.cast(window.row_lengths(), tf.int32)

    def _top_k(
        self, query_BD: tf.Tensor, left_out_BX: tf.Tensor, allowed: Sequence[tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        widest = tf.reduce_max(tf.math.count_nonzero(left_out_BX != UNKNOWN, axis=1))
        # Of an empty batch the maximum is the smallest integer.
        widest = tf.cast(tf.maximum(widest, 0), tf.int32)
        candidates = tf.minimum(self._wanted + widest, self._candidates)
        scores, items = self._best(query_BD, candidates, allowed)
        scores = tf.where(_is_in(items, left_out_BX), -float("inf"), scores)
        # A catalogue smaller than k: rows are filled up with nothing.
        shortage = tf.maximum(0, self._wanted - candidates)
        scores = tf.pad(scores, [[0, 0], [0, shortage]], constant_values=-float("inf"))
        items = tf.pad(items, [[0, 0], [0, shortage]])
        score_BK, columns = tf.math.top_k(scores, k=self._wanted)
        items_BK = tf.gather(items, columns, batch_dims=1)
        if self._reranker is not None:
            score_BK, columns = self._reranker(score_BK, items_BK, self._item_vectors)
            items_BK = tf.gather(items_BK, columns, batch_dims=1)
        ids_BK = tf.gather(self._item_ids, items_BK)
        ids_BK = tf.where(tf.math.is_inf(score_BK), "", ids_BK)
        return {"item_id": ids_BK, "score": score_BK}

    def _best(
        self, query_BD: tf.Tensor, k: tf.Tensor, allowed: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and numbers of the k best items, [B, k]; where none is allowed any more, −∞."""
        if not allowed:
            return self._index(query_BD, k=k)
        # What BruteForce computes, with a mask before the top-k: k of all could all be forbidden.
        scores_BN = tf.matmul(query_BD, self._index._candidates, transpose_b=True)
        for allowed_BN in allowed:
            scores_BN = tf.where(allowed_BN, scores_BN, -float("inf"))
        scores, columns = tf.math.top_k(scores_BN, k=k)
        return scores, tf.gather(self._index._identifiers, columns)


def _is_in(items_BC: tf.Tensor, left_out_BX: tf.Tensor) -> tf.Tensor:
    """Whether each item is among the row's ids to leave out (bool [B, C]).

    By binary search: comparing all with all would take B × C × X bytes.
    """
    sorted_BX = tf.sort(left_out_BX, axis=1)
    position_BC = tf.searchsorted(sorted_BX, items_BC)
    last = tf.shape(sorted_BX)[1] - 1
    found_BC = tf.gather(sorted_BX, tf.minimum(position_BC, last), batch_dims=1)
    return found_BC == items_BC


def elapsed(seconds_BW: tf.Tensor, length_B: tf.Tensor) -> tf.Tensor:
    """As :func:`recsys.data.batches.histories.elapsed`."""
    passed_BW = tf.clip_by_value(seconds_BW - seconds_BW[:, :1], 0, tf.int32.max)
    real_BW = tf.sequence_mask(length_B, tf.shape(seconds_BW)[1])
    return tf.where(real_BW, tf.cast(passed_BW, tf.int32), 0)


def _trace(
    function: Callable[[Inputs], dict[str, tf.Tensor]], specs: dict[str, tf.TensorSpec]
) -> Any:
    """Traces a function of a dictionary as a signature with named inputs."""
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}
    traced = tf.function(lambda **inputs: function(inputs), autograph=False)
    return traced.get_concrete_function(**named)
