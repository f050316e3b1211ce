"""Builds a retriever for a dataset."""

import random

import keras
import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.feature import Side
from recsys.data.manifest import Manifest, Part
from recsys.errors import InputError
from recsys.models.features.kinds import feature_spec
from recsys.models.retriever import ModelConfig, Retriever
from recsys.system.keywords import nearest
from recsys.training.devices import free_memory
from recsys.training.memory import FLOAT, MemoryForecast, require_memory


def build_retriever(
    config: ModelConfig,
    dataset: Dataset,
    last_part: Part,
    seed: int,
    precision: str = "float32",
) -> Retriever:
    """A retriever with fresh weights.

    Args:
        config: what to build.
        dataset: gives the catalogue, the users and the features.
        last_part: the last part that is fitted: items that appear later have
            no id vector, and are not in the catalogue unless features describe
            them.
        seed: of the weights and of dropout.
        precision: a Keras dtype policy.

    Raises:
        InputError: see :func:`check_model`; its tables and the items' features do not fit into
            memory; or an encoder of another package returns another shape or looks ahead.
    """
    item_features, user_features, event_features = check_model(config, dataset)
    manifest = dataset.manifest
    known = manifest.known_items[last_part]
    recommendable = dataset.recommendable(last_part)[:known]
    rows = known * config.item.id + manifest.users * config.query.user_id
    needed = MemoryForecast(
        tables=FLOAT * rows * config.dim,
        features=manifest.items * sum(feature_spec(spec).row_bytes for spec in item_features),
    )
    require_memory(needed, needed.total, free_memory())
    # Each weight and dropout mask follows from the seed alone: Keras draws their seeds from
    # Python's generator. Its own set_random_seed would import TensorFlow, on JAX too.
    random.seed(seed)
    retriever = Retriever(
        config,
        catalogue_items=manifest.items if item_features else known,
        known_items=known,
        users=manifest.users,
        item_features=item_features,
        user_features=user_features,
        event_features=event_features,
        candidate_items=None if recommendable.all() else int(recommendable.sum()),
        dtype=precision,
        name="retriever",
    )
    retriever.item_tower.assign_features(
        {name: dataset.feature("item", name) for name in config.item.features}
    )
    if retriever.candidate_items is not None:
        retriever.assign_candidates(recommendable)
    _check_encoder(retriever)
    return retriever


def _check_encoder(retriever: Retriever) -> None:
    """Holds an encoder that is not ours to what all of training relies on, by calling it once.

    Raises:
        InputError: its result has another shape than the history, or position t depends on
            what follows it: it would be trained on what it is to predict.
    """
    config, encoder = retriever.config.query.encoder, retriever.query_tower.encoder
    if config is None or encoder is None or type(config).__module__.startswith("recsys."):
        return
    positions = min(4, retriever.config.max_events + 1)
    shape = (2, positions, retriever.config.dim)
    history_BLD = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    further: dict[str, np.ndarray] = {}
    if config.reads_times:
        further["times_BL"] = np.tile(np.arange(positions, dtype=np.int32), (2, 1))
    if config.reads_whole_sequences:
        further["lengths_B"] = np.full(2, positions - 1, dtype=np.int32)

    def encoded(history: np.ndarray) -> np.ndarray:
        history = keras.ops.convert_to_tensor(history, dtype=encoder.compute_dtype)
        vectors = encoder(history, **further, training=False)
        return keras.ops.convert_to_numpy(keras.ops.cast(vectors, "float32"))

    found = encoded(history_BLD)
    if found.shape != shape:
        raise InputError(
            f"the encoder {config.kind!r} returned an array of shape {found.shape} for a history "
            f"of shape {shape}: it must return a vector for every position, of the same width"
        )
    if config.reads_whole_sequences:
        return
    history_BLD[:, -1] += 1.0
    if not np.allclose(encoded(history_BLD)[:, :-1], found[:, :-1], atol=1e-2):
        raise InputError(
            f"the encoder {config.kind!r} looks ahead: position t changes with an event after it, "
            "which training would have it predict. Let position t read positions 0 to t only "
            "(docs/guides/own-encoder.md)"
        )


def check_model(config: ModelConfig, dataset: Dataset) -> tuple[list[dict], list[dict], list[dict]]:
    """Whether a dataset has what a model reads, before anything is built.

    Returns:
        The specs of the item features, the user features and the event features that it reads.

    Raises:
        InputError: the log has no items; or the model names a feature that the
            dataset does not hold, or reads the order or the times of a log
            without them.
    """
    manifest = dataset.manifest
    if not manifest.has_items:
        raise InputError(
            "there is nothing to recommend: the log names no items. Name their column in "
            "data.log.columns.item; without it, predictions about users alone can be made."
        )
    encoder = config.query.encoder
    if encoder is not None:
        name = f"model.query.encoder ({encoder.kind})"
        if encoder.needs_order and not manifest.has_order:
            raise InputError(
                f"{name} reads the order of events, but the log has none. Map a time or order "
                "column (data.log.columns), or use the encoder 'average'."
            )
        if encoder.reads_whole_sequences and manifest.has_order:
            raise InputError(
                f"{name} predicts an event from those after it, too, but the log has an order. "
                "Have it read the past alone (over: past), or use another encoder."
            )
        if encoder.reads_times and not manifest.has_time:
            raise InputError(
                f"{name} reads the times of events, but the log has none. Map "
                "data.log.columns.time, or have it read their order alone (times: false)."
            )
    query = config.query
    return (
        _specs(config.item.features, manifest, "item", "model.item.features"),
        _specs(query.user_features, manifest, "user", "model.query.user_features"),
        _specs(query.event_features, manifest, "event", "model.query.event_features"),
    )


def _specs(names: list[str], manifest: Manifest, side: Side, where: str) -> list[dict]:
    available = {feature.name: feature for feature in manifest.features(side)}
    table = {"item": "items", "user": "users", "event": "log"}[side]
    specs = []
    for name in names:
        if name not in available:
            there = ", ".join(available) or "none"
            near = nearest(name, available, most=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(
                f"{where} names {name!r}{meant}, but the dataset has these {side} features: "
                f"{there}. Add it to data.{table}.features or remove it."
            )
        specs.append(available[name].model_dump())
    return specs
