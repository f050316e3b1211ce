"""The graph of the SavedModel: ids in, recommendations out.

Legend of shapes: B queries, E events of a history, W events that the encoder
reads at most, X ids to leave out, D dimensions, C candidates, K answers.

Only plain TensorFlow operations end up in the graph, and only variables and
lookup tables are tracked, no Keras object: so the SavedModel loads where there
is nothing but TensorFlow. The search is TensorFlow Recommenders', hence this is imported
only in a process that was started with ``TF_USE_LEGACY_KERAS=1``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

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
from recsys.export.search import MaskedSearch
from recsys.export.window import Window
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
        candidates = np.flatnonzero(recommendable).astype(np.int32)
        columns = attribute_columns(dataset, filters, len(item_ids))
        self._filters = {name: item_filter(columns[name].filter(recommendable)) for name in columns}
        for name, each in self._filters.items():
            if each.table is not None:
                self._tables[f"item_attribute.{name}"] = each.table
        # How many of the best are looked at: with reranking, more than are answered.
        wanted = k if rerank is None else max(k, rerank.candidates * k)
        self._search = MaskedSearch(k=min(wanted, len(candidates)))
        self._rows: tf.Tensor | None = None
        if recommendable.all():
            self._search.index(vectors, tf.constant(candidates))
            # One copy of the vectors serves the search, the histories and embed_items.
            self._item_vectors = self._search._candidates
        else:
            self._search.index(tf.gather(vectors, candidates), tf.constant(candidates))
            self._item_vectors = tf.Variable(vectors, trainable=False)
            # The row of each item in the search, as UNKNOWN where it is not searched.
            rows = np.full(len(item_ids), UNKNOWN, np.int32)
            rows[candidates] = np.arange(len(candidates))
            self._rows = tf.constant(rows)
        self._reranker: Reranker | None = None
        if rerank is not None:
            bonus = item_bonus(rerank, dataset, len(item_ids), fitted_part)
            self._reranker = Reranker(rerank.diversity, bonus, k)

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
        allowed = [each.allowed(inputs[n]) for n, each in self._filters.items() if n in inputs]
        rows = [self._rows_of(items) for items in left_out]
        rows_BX = tf.concat(rows, axis=1) if rows else None
        return self._answer(*self._search.best(query_BD, rows_BX, allowed))

    def embed_query(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """Signature ``embed_query``."""
        return {"embedding": self._embed(look_up(self._items, inputs[HISTORY]), inputs)}

    def embed_items(self, inputs: Inputs) -> dict[str, tf.Tensor]:
        """Signature ``embed_items``; an unknown item has a vector of zeros."""
        items = look_up(self._items, inputs[ITEM_ID])
        known = tf.cast(items != UNKNOWN, tf.float32)
        vectors = tf.gather(self._vectors(), tf.maximum(items, 0))
        return {"embedding": vectors * known[:, tf.newaxis]}

    def _vectors(self) -> tf.Tensor:
        """The item vectors as a value, whose rows are gathered.

        Rows that are gathered of a variable have TensorFlow copy it whole whenever it is read
        afterwards (``EnsureSparseVariableAccess``), as each search does: 300 ms of a million items.
        """
        return tf.convert_to_tensor(self._item_vectors)

    def _embed(self, history_BE: tf.Tensor, inputs: Inputs) -> tf.Tensor:
        known_BE = history_BE != UNKNOWN
        window = Window(known_BE, self._max_events)
        encoded = {HISTORY: window.of(history_BE), "length": window.length_B}
        if self._retriever.batch_spec.times:
            times_BW = window.of(inputs[HISTORY_TIME])
            encoded["history_times"] = elapsed(times_BW, window.length_B)
        if self._retriever.batch_spec.user:
            encoded["user"] = look_up(self._tables[USER_ID], inputs[USER_ID])
        for feature, served in self._user_features:
            encoded[USER_FEATURE + feature.name] = served.encode(inputs[input_name(feature)])
        for feature, served in self._event_features:
            given_BE = inputs[input_name(feature)]
            codes_BE = tf.reshape(served.encode(tf.reshape(given_BE, [-1])), tf.shape(given_BE))
            encoded[EVENT_FEATURE + feature.name] = window.of(codes_BE)
        embedding = self._retriever.embed_query(encoded, item_vectors=self._vectors())
        return tf.ensure_shape(embedding, [None, self._retriever.config.dim])

    def _rows_of(self, items_BX: tf.Tensor) -> tf.Tensor:
        """The rows of items in the search; ``UNKNOWN`` of those that are not searched."""
        if self._rows is None:
            return items_BX
        rows_BX = tf.gather(self._rows, tf.maximum(items_BX, 0))
        return tf.where(items_BX == UNKNOWN, UNKNOWN, rows_BX)

    def _answer(self, score_BC: tf.Tensor, items_BC: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best of C candidates, which are in order; an answer of K, as texts."""
        # A catalogue smaller than that: rows are filled up with nothing.
        shortage = max(0, self._k - score_BC.shape[1])
        score_BC = tf.pad(score_BC, [[0, 0], [0, shortage]], constant_values=-float("inf"))
        items_BC = tf.pad(items_BC, [[0, 0], [0, shortage]])
        if self._reranker is not None:
            score_BC, columns_BK = self._reranker(score_BC, items_BC, self._vectors())
            items_BC = tf.gather(items_BC, columns_BK, batch_dims=1)
        ids_BK = tf.gather(self._item_ids, items_BC)
        ids_BK = tf.where(tf.math.is_inf(score_BC), "", ids_BK)
        return {"item_id": ids_BK, "score": score_BC}


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
