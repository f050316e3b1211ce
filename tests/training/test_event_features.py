"""What an event was, where it decides what comes next."""

import keras
import numpy as np
import pytest

from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
from recsys.errors import InputError
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever, check_model
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from recsys.training.memory import estimate_working_memory
from tests.datasets import write_dataset
from tests.models import zoo

ITEMS = 8
WHAT = Feature(name="what", kind="categorical", vocabulary_size=3)
PRICE = Feature(name="price", kind="numeric", mean=3.0, deviation=2.0)
TRAINING = TrainingConfig.model_validate(
    {
        "epochs": 12,
        "batch_size": 20,
        "steps_per_dispatch": 1,
        "optimizer": {"learning_rate": 0.02, "decay": "cosine"},
    }
)


def fork(folder, users=120, events=14) -> Dataset:
    """After event type 1 comes the next item of the circle, after type 2 the one before.

    Types are a toss: whoever does not read them is right half of the time at best.
    """
    generator = np.random.default_rng(0)
    rows, types = [], []
    for _ in range(users):
        steps = generator.integers(1, 3, events)
        start = generator.integers(ITEMS)
        items = (start + np.cumsum(np.append(0, np.where(steps[:-1] == 1, 1, -1)))) % ITEMS
        rows.append([items[:-2].tolist(), items[-2:-1].tolist(), items[-1:].tolist()])
        types.append(steps)
    what = np.concatenate(types).astype(np.int32)
    price = np.random.default_rng(1).normal(size=len(what)).astype(np.float32)
    features = {"what": (WHAT, what), "price": (PRICE, price)}
    return write_dataset(folder, rows, ITEMS, event_features=features)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return fork(tmp_path_factory.mktemp("fork") / "dataset")


def config_of(names: list[str], query: str = "gru") -> ModelConfig:
    reads = {**zoo.QUERIES[query], "event_features": names}
    return ModelConfig.model_validate({**zoo.model(query), "query": reads})


# Encoders that pack are given the same numbers, as the next test shows.
@pytest.mark.parametrize("query", ["gru", pytest.param("attention", marks=pytest.mark.nightly)])
def test_what_follows_is_known_to_a_model_that_reads_it(dataset, tmp_path, query):
    hits = {}
    for names in ([], ["what"]):
        retriever = build_retriever(config_of(names, query), dataset, "train", seed=1)
        fit(retriever, dataset, TRAINING, 1, tmp_path / str(names))
        embedder = RetrieverEmbedder(retriever, dataset)
        for part in ("validation", "test"):
            ranked = rank(embedder, dataset, dataset.queries(part), "allow", 1)
            hits[part, bool(names)] = float(np.mean(ranked.ranks == 1))
    for part in ("validation", "test"):
        assert hits[part, True] > 0.95
        assert hits[part, False] < 0.65


@pytest.mark.parametrize("query", ["gru", "attention", "average"])
def test_training_never_sees_what_the_predicted_event_was(dataset, tmp_path, query):
    """Of packed lanes and of a sequence a lane, whatever is said of later events."""
    config = config_of(["what", "price"], query).model_copy(update={"max_events": 14})
    retriever = build_retriever(config, dataset, "train", seed=1)
    what, price = (np.array(dataset.feature("event", name)) for name in ("what", "price"))
    place = np.arange(dataset.events) - np.repeat(
        dataset.user_offsets[:-1], np.diff(dataset.user_offsets)
    )
    later = place >= 3
    what[later], price[later] = 3 - what[later], -price[later]
    folder = tmp_path / "dataset"
    changed = fork(folder)
    np.save(folder / "features/event.what.npy", what)
    np.save(folder / "features/event.price.npy", price)
    spec = retriever.batch_spec
    found = []
    for data in (dataset, Dataset(changed.path)):
        batches = TrainingBatches(data, spec, batch_size=8)
        sample = batches.sample(0)
        batch = batches.batch(next(batches.dispatches(sample, 1)), 0, sample)
        queries = keras.ops.convert_to_numpy(retriever(batch)["queries"]).reshape(-1, 16)
        found.append((batch, queries[batch["query_positions"]]))
    (batch, before), (other, after) = found
    np.testing.assert_array_equal(batch["query_positions"], other["query_positions"])
    # Of each sequence the queries are its events in turn: the first four read three at most.
    width = batch["history"].shape[1] + (not spec.packed)
    columns = (
        batch["position_ids"].reshape(-1)[batch["query_positions"]]
        if spec.packed
        else batch["query_positions"] % width
    )
    predicts = np.arange(len(columns)) < np.count_nonzero(batch["weights"])
    early = predicts & (columns <= 3)
    assert early.sum() >= 8
    np.testing.assert_array_equal(before[early], after[early])
    assert np.abs(before - after)[predicts & (columns > 3)].max(axis=1).min() > 1e-6


def test_validation_and_test_read_the_past_alone(dataset, tmp_path):
    retriever = build_retriever(config_of(["what"]), dataset, "train", seed=1)
    changed = fork(tmp_path / "dataset")
    last = dataset.user_offsets[1:] - 1
    what = np.array(dataset.feature("event", "what"))
    what[last] = 3 - what[last]
    np.save(changed.path / "features/event.what.npy", what)
    queries = dataset.queries("test")
    found = [
        RetrieverEmbedder(retriever, data).embed(queries, slice(0, 50))
        for data in (dataset, Dataset(changed.path))
    ]
    np.testing.assert_array_equal(*found)


def test_a_name_that_the_log_does_not_have(dataset):
    with pytest.raises(
        InputError,
        match=r"model\.query\.event_features names 'waht' \(did you mean 'what'\?\), but the "
        r"dataset has these event features: what, price\. Add it to data\.log\.features",
    ):
        check_model(config_of(["waht"]), dataset)


def test_without_an_encoder_there_is_no_history_to_read_them_with():
    with pytest.raises(ValueError, match="`event_features` are read with the history"):
        config_of(["what"], "user-id")


def test_memory_is_counted(dataset):
    with_, without = (
        build_retriever(config_of(names), dataset, "train", seed=1) for names in (["what"], [])
    )
    batch = {
        "history": np.zeros((1, 8, 10), np.int32),
        "targets": np.zeros((1, 40), np.int32),
        "query_positions": np.zeros((1, 40), np.int32),
    }
    more = estimate_working_memory(with_, batch) - estimate_working_memory(without, batch)
    assert more == 4 * 2 * 8 * 11 * 16
