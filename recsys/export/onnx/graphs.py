"""The signatures of an exported model as functions that ONNX has the operations for.

TensorFlow's tables, ragged tensors and regular expressions have no counterpart there. So these
functions read numbers where a caller sends text: a graph looks its texts up itself, by a node of
ONNX before the function (:mod:`recsys.export.onnx.convert`). It compares texts as they are: blanks
around ids, and fractions of whole numbers, are for the caller to remove.

Legend of shapes: B queries, E events of a history or values of a feature, W of them that are read,
X ids to leave out, N items of the catalogue, D dimensions, K answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from recsys.batch import EVENT_FEATURE, USER_FEATURE
from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature, Side
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.reranking import item_bonus
from recsys.export.features.kinds import SERVED
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
from recsys.export.reranker import Reranker
from recsys.export.serving import elapsed
from recsys.models.features.encoder import FeatureEncoder
from recsys.models.features.spec import FeatureSpec
from recsys.models.retriever import Retriever

Tensors = Mapping[str, tf.Tensor]
NOTHING = -float("inf")
EMBEDDING, ITEM_TOWER = "embedding", "item_tower"


@dataclass(frozen=True)
class Texts:
    """The numbers of texts, as a function reads them.

    Attributes:
        keys: the texts.
        numbers: of each.
        missing: the number of any other text.
    """

    keys: Sequence[str]
    numbers: Sequence[int] | np.ndarray
    missing: int


@dataclass(frozen=True)
class Input:
    """An input of a graph.

    Attributes:
        spec: of the tensor that the function reads.
        texts: what a caller sends in place of numbers; None: the tensor itself.
    """

    spec: tf.TensorSpec
    texts: Texts | None = None


@dataclass(frozen=True)
class Step:
    """A part of a graph.

    Attributes:
        function: from tensors by name to tensors by name. An output ``item_id`` holds numbers of
            items, N where there is none.
        reads: names of inputs of the graph, and of outputs of earlier steps.
    """

    function: Callable[[Tensors], dict[str, tf.Tensor]]
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """What is to be a graph of ONNX.

    Attributes:
        inputs: by name.
        steps: one after the other; the outputs of the last are the graph's.
    """

    inputs: Mapping[str, Input]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class _ReadFeature:
    """A feature that a caller sends.

    Attributes:
        feature: as the dataset has it.
        input: of the graph.
        encode: from what the function reads to the array that the model reads.
    """

    feature: Feature
    input: Input
    encode: Callable[[tf.Tensor], tf.Tensor]


class OnnxGraphs:
    """Makes the functions around a trained retriever.

    Args:
        retriever: the trained model, on the TensorFlow backend.
        dataset: holds the ids and the vocabularies.
        item_vectors: float32 [N, D], as the exported model has them. The functions read them from
            a tensor of the name :attr:`VECTORS`.
        seen, k, fitted_part, rerank: as exported.
    """

    VECTORS = "item_vectors"

    def __init__(
        self,
        retriever: Retriever,
        dataset: Dataset,
        item_vectors: np.ndarray,
        seen: Seen,
        k: int,
        fitted_part: Part,
        rerank: RerankConfig | None = None,
    ) -> None:
        self._retriever, self._dataset = retriever, dataset
        self._excludes_seen, self._k = seen == "exclude", k
        self._items, self._dim = item_vectors.shape
        self._recommendable = dataset.recommendable(fitted_part)[: self._items]
        self._wanted, self._reranker = k, None
        if rerank is not None:
            candidates = int(self._recommendable.sum())
            self._wanted = max(k, min(rerank.candidates * k, candidates))
            bonus = item_bonus(rerank, dataset, self._items, fitted_part)
            self._reranker = Reranker(rerank.diversity, bonus, k)
        ids = dataset.item_ids[: self._items]
        self._numbers = Texts(ids, range(self._items), UNKNOWN)
        features = InputFeatures.of_spec(retriever.batch_spec, dataset)
        tower = retriever.query_tower
        self._user_features = self._read("user", features.user, tower.features)
        self._event_features = self._read("event", features.event, tower.event_features)

    def graphs(self) -> dict[str, Graph]:
        """By the name of the signature; ``item_tower`` is there where items have features."""
        ids = Input(tf.TensorSpec([None, None], tf.int64), self._numbers)
        vectors = Input(tf.TensorSpec([self._items, self._dim], tf.float32))
        query = {HISTORY: ids, **self._further_inputs(), self.VECTORS: vectors}
        excluding = {**query, EXCLUDE: ids}
        item = {ITEM_ID: Input(tf.TensorSpec([None], tf.int64), self._numbers)}
        embed = Step(self._embed_query, tuple(query))
        left_out = (HISTORY,) if self._excludes_seen else ()
        recommend = Step(self._recommend, (EMBEDDING, self.VECTORS, *left_out))
        exclude = Step(self._recommend, (*recommend.reads, EXCLUDE))
        look_up = Step(self._embed_items, (ITEM_ID, self.VECTORS))
        graphs = {
            "embed_query": Graph(query, (embed,)),
            "embed_items": Graph({**item, self.VECTORS: vectors}, (look_up,)),
            "serving_default": Graph(query, (embed, recommend)),
            "recommend_excluding": Graph(excluding, (embed, exclude)),
        }
        if self._retriever.item_features:
            graphs[ITEM_TOWER] = self._item_tower()
        return graphs

    def _read(
        self, side: Side, features: Sequence[Feature], encoder: FeatureEncoder | None
    ) -> list[_ReadFeature]:
        """The features of users or events, as callers send them."""
        specs = {spec.name: spec for spec in encoder.specs} if encoder is not None else {}
        return [self._read_feature(side, each, specs[each.name]) for each in features]

    def _read_feature(self, side: Side, feature: Feature, spec: FeatureSpec) -> _ReadFeature:
        """A feature as a caller sends it.

        Args:
            side, feature: whose and which.
            spec: as the model reads it.
        """
        if feature.vocabulary_size:
            return self._read_texts(side, feature, spec)
        if feature.kind in SERVED:
            served = SERVED[feature.kind](feature, [])
            return _ReadFeature(feature, Input(served.spec), served.encode)
        # What no caller of the SavedModel sends is sent as the model reads it.
        given = tf.TensorSpec([None, *spec.row_shape], tf.as_dtype(spec.dtype))
        return _ReadFeature(feature, Input(given), tf.identity)

    def _read_texts(self, side: Side, feature: Feature, spec: FeatureSpec) -> _ReadFeature:
        """One text of a vocabulary, or several, of which the first that are known are read."""
        words = self._dataset.vocabulary(side, feature.name)
        texts = Texts(words, range(1, len(words) + 1), 0)
        if not spec.row_shape:
            given = Input(tf.TensorSpec([None], tf.int64), texts)
            return _ReadFeature(feature, given, _as_int32)
        width = spec.row_shape[0]
        is_taught = self._taught(spec, len(words)) if side == "item" else np.ones(1, bool)

        def encode(values_BE: tf.Tensor) -> tf.Tensor:
            values_BW = first(values_BE, values_BE != 0, width)
            if not is_taught[1:].all():
                known_BW = tf.gather(is_taught, values_BW)
                values_BW = first(values_BW, known_BW, width)
            return _as_int32(values_BW)

        given = Input(tf.TensorSpec([None, None], tf.int64), texts)
        return _ReadFeature(feature, given, encode)

    def _taught(self, spec: FeatureSpec, words: int) -> np.ndarray:
        """bool [words + 1], which words training could teach the meaning of."""
        known = self._retriever.known_items
        fitted = np.asarray(Dataset(self._dataset.path).feature("item", spec.name)[:known])
        alone = np.zeros((words + 1, *fitted.shape[1:]), fitted.dtype)
        alone[:, 0] = np.arange(words + 1)
        return spec.taught(np.concatenate([fitted, alone]), known)[len(fitted) :, 0] > 0

    def _further_inputs(self) -> dict[str, Input]:
        """The inputs beside the history."""
        inputs = {}
        if self._retriever.batch_spec.times:
            inputs[HISTORY_TIME] = Input(tf.TensorSpec([None, None], tf.int64))
        if self._retriever.batch_spec.user:
            users = self._dataset.user_ids
            texts = Texts(users, range(len(users)), UNKNOWN)
            inputs[USER_ID] = Input(tf.TensorSpec([None], tf.int64), texts)
        inputs |= {input_name(each.feature): each.input for each in self._user_features}
        for each in self._event_features:
            spec = tf.TensorSpec([None, None], each.input.spec.dtype)
            inputs[input_name(each.feature)] = Input(spec, each.input.texts)
        return inputs

    def _embed_items(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        items = inputs[ITEM_ID]
        vectors = tf.gather(inputs[self.VECTORS], tf.maximum(items, 0))
        return {EMBEDDING: tf.where((items >= 0)[:, tf.newaxis], vectors, 0.0)}

    def _recommend(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        vectors_ND = inputs[self.VECTORS]
        scores_BN = tf.matmul(inputs[EMBEDDING], vectors_ND, transpose_b=True)
        if not self._recommendable.all():
            scores_BN = tf.where(self._recommendable, scores_BN, NOTHING)
        left_out = [inputs[name] for name in (HISTORY, EXCLUDE) if name in inputs]
        # One column more, for items that are unknown.
        scores_BN = tf.pad(scores_BN, [[0, 0], [0, 1]], constant_values=NOTHING)
        if left_out:
            scores_BN = self._without(scores_BN, tf.concat(left_out, axis=1))
        best = min(self._wanted, self._items)
        score_BK, item_BK = tf.math.top_k(scores_BN, k=best)
        missing = [[0, 0], [0, self._wanted - best]]
        score_BK = tf.pad(score_BK, missing, constant_values=NOTHING)
        item_BK = tf.pad(item_BK, missing)
        if self._reranker is not None:
            items = tf.minimum(item_BK, self._items - 1)
            score_BK, place_BK = self._reranker(score_BK, items, vectors_ND)
            item_BK = tf.gather(item_BK, place_BK, batch_dims=1)
        item_BK = tf.where(tf.math.is_inf(score_BK), self._items, item_BK)
        shape = [None, self._k]
        return {
            ITEM_ID: tf.ensure_shape(tf.cast(item_BK, tf.int64), shape),
            "score": tf.ensure_shape(score_BK, shape),
        }

    def _without(self, scores_BN: tf.Tensor, left_out_BX: tf.Tensor) -> tf.Tensor:
        """The scores, of items to leave out −∞."""
        column_BX = tf.where(left_out_BX == UNKNOWN, tf.cast(self._items, tf.int64), left_out_BX)
        query_B1 = tf.range(tf.shape(column_BX, tf.int64)[0])[:, tf.newaxis]
        places = tf.stack([tf.broadcast_to(query_B1, tf.shape(column_BX)), column_BX], axis=-1)
        nothing_BX = tf.fill(tf.shape(column_BX), NOTHING)
        return tf.tensor_scatter_nd_update(scores_BN, places, nothing_BX)

    def _embed_query(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        spec = self._retriever.batch_spec
        rows, inputs = _at_least_one_row(inputs, self.VECTORS)

        def events(name: str, nothing: int = 0) -> tf.Tensor:
            # A shape without columns means something else to ONNX, so there is always one.
            return tf.pad(inputs[name], [[0, 0], [0, 1]], constant_values=nothing)

        history_BE = events(HISTORY, UNKNOWN)
        known_BE = history_BE != UNKNOWN
        most = self._retriever.config.max_events
        after_BE = tf.cumsum(tf.cast(known_BE, tf.int32), axis=1, reverse=True)
        read_BE = known_BE & (after_BE <= most)
        length_B = tf.reduce_sum(tf.cast(read_BE, tf.int32), axis=1)
        # Encoders read the last position of a history, so there is always one.
        widest = tf.maximum(tf.reduce_max(length_B), 1)

        def window(values_BE: tf.Tensor) -> tf.Tensor:
            return first(values_BE, read_BE, most)[:, :widest]

        given = {HISTORY: _as_int32(window(history_BE)), "length": length_B}
        if spec.times:
            given["history_times"] = elapsed(window(events(HISTORY_TIME)), length_B)
        if spec.user:
            given["user"] = _as_int32(inputs[USER_ID])
        for each in self._user_features:
            given[USER_FEATURE + each.feature.name] = each.encode(inputs[input_name(each.feature)])
        for each in self._event_features:
            values_BE = events(input_name(each.feature))
            codes_BE = tf.reshape(each.encode(tf.reshape(values_BE, [-1])), tf.shape(values_BE))
            given[EVENT_FEATURE + each.feature.name] = window(codes_BE)
        embedding = self._retriever.embed_query(given, item_vectors=inputs[self.VECTORS])
        return {EMBEDDING: tf.ensure_shape(embedding[:rows], [None, self._dim])}

    def _item_tower(self) -> Graph:
        """Vectors of items by what is said of them, whether they are known or not."""
        retriever, tower = self._retriever, self._retriever.item_tower
        described = {each.name: each for each in self._dataset.manifest.item_features}
        features = [self._read_feature("item", described[spec.name], spec) for spec in tower.specs]
        inputs = {input_name(each.feature): each.input for each in features}
        if ITEM_ID in inputs or len(inputs) < len(features):
            raise InputError(
                f"the item features {', '.join(described)} cannot all be inputs of the item tower "
                f"beside {ITEM_ID!r}: give them names in data.items.features that differ in "
                "letters and digits, and set `column`"
            )
        if tower.table is not None:
            ids = self._dataset.item_ids[: retriever.known_items]
            texts = Texts(ids, range(len(ids)), len(ids))
            inputs = {ITEM_ID: Input(tf.TensorSpec([None], tf.int64), texts), **inputs}

        def vectors(given: Tensors) -> dict[str, tf.Tensor]:
            rows, given = _at_least_one_row(given)
            values = {
                each.feature.name: each.encode(given[input_name(each.feature)]) for each in features
            }
            if ITEM_ID in given:
                item_ids = _as_int32(given[ITEM_ID])
            else:
                item_ids = tf.fill([tf.maximum(rows, 1)], retriever.known_items)
            return {EMBEDDING: retriever.item_vectors(item_ids, values)[:rows]}

        return Graph(inputs, (Step(vectors, tuple(inputs)),))


def first(values_BE: tf.Tensor, chosen_BE: tf.Tensor, width: int) -> tf.Tensor:
    """The first chosen values of each row, [B, width], padded on the right with 0."""
    padding = [[0, 0], [0, width]]
    values_BE, chosen_BE = tf.pad(values_BE, padding), tf.pad(chosen_BE, padding)
    end = tf.shape(chosen_BE)[1]
    # Large where a chosen value stands early.
    before_end_BE = tf.where(chosen_BE, end - tf.range(end), 0)
    found_BW, _ = tf.math.top_k(before_end_BE, k=width)
    # Where there is none, any place will do.
    values_BW = tf.gather(values_BE, tf.minimum(end - found_BW, end - 1), batch_dims=1)
    return tf.where(found_BW > 0, values_BW, tf.zeros_like(values_BW))


def _at_least_one_row(inputs: Tensors, *others: str) -> tuple[tf.Tensor, Tensors]:
    """How many rows there are, and inputs that have one: ONNX Runtime ends at an LSTM of none.

    Args:
        inputs: a row each query or item.
        others: names of those that have no such rows.
    """
    rows = tf.shape(next(value for name, value in inputs.items() if name not in others))[0]

    def padded(value: tf.Tensor) -> tf.Tensor:
        return tf.pad(value, [[0, tf.maximum(1 - rows, 0)]] + [[0, 0]] * (value.shape.rank - 1))

    return rows, {
        name: value if name in others else padded(value) for name, value in inputs.items()
    }


def _as_int32(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.int32)
