"""Packed sequences train what padded ones train."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from recsys.data.batches.training_batches import TrainingBatches
from recsys.models.retriever import ModelConfig, Retriever
from tests.datasets import write_dataset
from tests.models import zoo

ITEMS = 30
PACKING = [
    query
    for query in zoo.QUERIES
    if ModelConfig.model_validate(zoo.model(query)).query.batch_spec(6, negatives=False).packed
]
CONTEXT = {"user_id": True, "user_id_dropout": 0.0, "hidden": [8]}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    generator = np.random.default_rng(0)
    users = [
        [generator.integers(0, ITEMS, events).tolist(), [0], [1]]
        for events in generator.geometric(0.3, size=60)
    ]
    return write_dataset(tmp_path_factory.mktemp("packing") / "dataset", users, ITEMS)


def epoch_sums(retriever, dataset, packed: bool) -> tuple[float, list[np.ndarray]]:
    """The loss of all events, and its gradient for every weight."""
    spec = replace(retriever.batch_spec, packed=packed)
    batches = TrainingBatches(dataset, spec, batch_size=16, overlap=0.4)
    variables = [variable.value for variable in retriever.trainable_variables]
    total, gradients = 0.0, [np.zeros(variable.shape) for variable in variables]
    for step in range(len(batches)):
        batch = batches[step]
        events = float(batch["weights"].sum())
        with tf.GradientTape() as tape:
            loss = retriever.loss_of(retriever(batch, training=True), batch)
        total += float(loss) * events
        for gradient, found in zip(gradients, tape.gradient(loss, variables), strict=True):
            gradient += events * tf.convert_to_tensor(found).numpy()
    return total, gradients


def test_attention_and_filters_pack():
    attention = {"attention", "ligr", "hstu", "timed-attention"}
    assert attention | {"frequency", "time-varying"} <= set(PACKING)


@pytest.mark.parametrize("context", [{}, CONTEXT], ids=["history", "user-and-history"])
@pytest.mark.parametrize("query", PACKING)
def test_loss_and_gradient_are_those_of_padded_sequences(dataset, query, context):
    keras.utils.set_random_seed(1)
    config = zoo.model(query)
    config["query"] = config["query"] | context
    retriever = Retriever(config, ITEMS, ITEMS, 60)
    generator = np.random.default_rng(0)
    for variable in retriever.trainable_variables:  # some begin at zero
        variable.assign(variable + generator.normal(scale=0.1, size=variable.shape))
    loss, gradients = epoch_sums(retriever, dataset, packed=True)
    expected, expected_gradients = epoch_sums(retriever, dataset, packed=False)
    assert loss == pytest.approx(expected, rel=1e-5)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
        assert np.abs(wanted).max() > 0
