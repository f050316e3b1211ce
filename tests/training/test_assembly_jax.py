"""Batches that a device gathers are those that the host assembles, to the bit."""

import jax
import numpy as np
import pytest

from recsys.batch import BatchSpec
from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
from recsys.models.losses.negatives import InBatchSampler
from recsys.training.assembly_jax import assembled
from tests.datasets import write_dataset

LENGTHS = np.random.default_rng(1).geometric(0.08, size=60).clip(1, 90)
LOGS = ("ordered", "baskets", "sets")
SAMPLING = (
    {},
    {"crop": 0.4},
    {"overlap": 0.5, "split_timestamp_groups": 0.5},
    {"crop": 0.3, "split_timestamp_groups": 0.7},
)
READ = {
    "packed": BatchSpec(20, packed=True, user=True, user_features=("age",)),
    "packed, events": BatchSpec(20, packed=True, event_features=("what", "price")),
    "packed, times": BatchSpec(20, packed=True, times=True),
    "lanes": BatchSpec(20, times=True, user=True),
    "whole lanes": BatchSpec(
        20, whole_sequences=True, user_features=("age",), event_features=("what", "price")
    ),
    "lanes, events": BatchSpec(20, event_features=("price",)),
    "negatives": BatchSpec(20, packed=True, negatives=True),
}
# A log without an order has no times, and packed lanes have one width.
CASES = [
    (log, read, most_widths)
    for log in LOGS
    for read, spec in READ.items()
    for most_widths in ([None] if spec.packed else [None, 2])
    if log != "sets" or not spec.times
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    def dataset(log: str) -> Dataset:
        generator = np.random.default_rng(0)
        users = [[generator.integers(0, 30, n).tolist(), [1], [2, 3]] for n in LENGTHS]
        events = sum(len(part) for user in users for part in user)
        ages = generator.normal(size=len(users)).astype(np.float32)
        written = write_dataset(
            tmp_path_factory.mktemp("assembly") / "dataset",
            users,
            30,
            user_features={"age": (Feature(name="age", kind="numeric"), ages)},
            event_features={
                "what": (
                    Feature(name="what", kind="categorical", vocabulary_size=4),
                    generator.integers(0, 4, events).astype(np.int32),
                ),
                "price": (
                    Feature(name="price", kind="numeric"),
                    generator.normal(size=events).astype(np.float32),
                ),
            },
            has_order=log != "sets",
        )
        times = np.cumsum(generator.integers(1, 10**9, written.events)) * 10**3
        if log == "baskets":
            ends = np.array(written.history_ends)
            for begin, end in zip(written.user_offsets, written.user_offsets[1:], strict=False):
                ends[begin:end] = begin + (np.arange(end - begin)) // 3 * 3
            np.save(written.path / "history_ends.npy", ends)
            times = times[ends]
        if log != "sets":
            np.save(written.path / "event_times.npy", times)
        return Dataset(written.path)

    return {log: dataset(log) for log in LOGS}


@pytest.mark.parametrize("sampling", SAMPLING, ids=str)
@pytest.mark.parametrize(("log", "read", "most_widths"), CASES)
def test_to_the_bit(datasets, log, read, sampling, most_widths):
    spec, dataset = READ[read], datasets[log]
    sampler = InBatchSampler(np.full(30, 1 / 30), 7) if spec.negatives else None
    batches = TrainingBatches(
        dataset, spec, batch_size=16, sampler=sampler, most_widths=most_widths, **sampling
    )
    gather = jax.jit(assembled, static_argnums=(2, 3))
    for epoch in (0, 1):
        sample = batches.sample(epoch)
        for dispatch in batches.dispatches(sample, 3):
            recipe = batches.recipe(dispatch, sample)
            weights, events = batches.weights(dispatch, sample)
            steps = [
                batches.batch(dispatch, step, sample)
                for step in range(len(dispatch.placement.sequences))
            ]
            for step, expected in enumerate(steps):
                table = {name: each[step] for name, each in recipe.table.items()}
                found = gather(dict(recipe.data), table, recipe.shape, spec)
                assert found.keys() == expected.keys()
                for name, array in expected.items():
                    assert found[name].dtype == array.dtype, name
                    np.testing.assert_array_equal(found[name], array, err_msg=name)
            assert weights.tolist() == [float(step["weights"].sum()) for step in steps]
            assert events == sum(np.count_nonzero(step["weights"]) for step in steps)
            assert all(len(each) == dispatch.room for each in recipe.table.values())


def test_what_does_not_change_is_the_same_object(datasets):
    batches = TrainingBatches(datasets["ordered"], BatchSpec(20, packed=True), crop=0.5)
    first, second = (batches.data(batches.sample(epoch)) for epoch in (0, 1))
    kept = {name for name in first if first[name] is second[name]}
    assert {"items", "ends", "users"} <= kept
    assert not kept & {"begins", "targets", "offsets"}


def test_times_too_far_apart_stay_on_the_host(datasets, tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1, 2], [1], [2]]], 3)
    times = np.array([0, 10**6, 2, 3, 2**31 * 10**6], dtype=np.int64)
    np.save(dataset.path / "event_times.npy", times)
    batches = TrainingBatches(Dataset(dataset.path), BatchSpec(20, packed=True, times=True))
    sample = batches.sample(0)
    assert batches.data(sample) is None
    with pytest.raises(ValueError, match="too far apart"):
        batches.recipe(next(batches.dispatches(sample, 1)), sample)
