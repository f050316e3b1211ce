"""Builds a retriever for a dataset."""

import random

from recsys.data.dataset import Dataset
from recsys.data.feature import Feature, Side
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.models.features.kinds import feature_spec
from recsys.models.retriever import ModelConfig, Retriever
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
        InputError: see :func:`check_model`; or its tables and the items' features do
            not fit into memory.
    """
    item_features, user_features = check_model(config, dataset)
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
        candidate_items=None if recommendable.all() else int(recommendable.sum()),
        dtype=precision,
        name="retriever",
    )
    retriever.item_tower.assign_features(
        {name: dataset.feature("item", name) for name in config.item.features}
    )
    if retriever.candidate_items is not None:
        retriever.assign_candidates(recommendable)
    return retriever


def check_model(config: ModelConfig, dataset: Dataset) -> tuple[list[dict], list[dict]]:
    """Whether a dataset has what a model reads, before anything is built.

    Returns:
        The specs of the item features and of the user features that it reads.

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
    return (
        _specs(config.item.features, manifest.item_features, "item", "model.item.features"),
        _specs(
            config.query.user_features, manifest.user_features, "user", "model.query.user_features"
        ),
    )


def _specs(names: list[str], features: tuple[Feature, ...], side: Side, where: str) -> list[dict]:
    available = {feature.name: feature for feature in features}
    specs = []
    for name in names:
        if name not in available:
            there = ", ".join(available) or "none"
            raise InputError(
                f"{where} names {name!r}, but the dataset has these {side} features: {there}. "
                f"Add it to data.{side}s.features or remove it."
            )
        specs.append(available[name].model_dump())
    return specs
