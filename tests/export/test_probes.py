"""What the parity gate compares with."""

import numpy as np
import pytest
from keras import ops

from recsys.batch import BatchSpec
from recsys.export.precision import full_float32_products
from recsys.export.probes import Probes, choose_queries, write_probes
from tests.export.conftest import EVENT_VALUES, EVENTFUL, EVENTS, TIMES, make_retriever


def test_the_awkward_queries_come_first(dataset):
    spec = BatchSpec(max_events=5, event_features=("price",))
    chosen = choose_queries(dataset, catalogue_items=8, spec=spec, count=8)
    histories, times, users = chosen.items, chosen.times, chosen.users
    assert [len(history) for history in histories[:4]] == [0, 0, 1, 10]
    assert users[:4].tolist() == [-1, 0, -1, 0]
    assert [history.tolist() for history in histories[4:]] == list(EVENTS.values())
    assert users[4:].tolist() == [0, 1, 2, 3]
    assert times[3].tolist() == [3600 * n for n in (0, 1, 3, 6, 10, 15, 21, 28, 36, 45)]
    assert [time.tolist() for time in times[4:]] == list(TIMES.values())
    prices = chosen.features["price"]
    assert [len(price) for price in prices] == [len(history) for history in histories]
    assert np.concatenate(prices[4:]).tolist() == EVENT_VALUES["price"].tolist()


def test_a_long_history_is_shortened_to_a_few_windows(dataset):
    spec = BatchSpec(max_events=1, event_features=("price",))
    chosen = choose_queries(dataset, catalogue_items=8, spec=spec, count=5)
    histories, times = chosen.items, chosen.times
    assert chosen.features["price"][4].tolist() == EVENT_VALUES["price"][5:9].tolist()
    assert histories[4].tolist() == EVENTS["ann"][-4:]
    assert times[4].tolist() == TIMES["ann"][-4:]


def test_probes_survive_the_file(dataset, tmp_path):
    retriever = make_retriever(EVENTFUL)
    written = write_probes(retriever, dataset, tmp_path / "probes.npz", count=6)
    read = Probes.load(tmp_path / "probes.npz")
    ours, theirs = written.histories, read.histories
    assert set(ours.features) == set(theirs.features) == {"what", "price"}
    for mine, other in (
        (ours.items, theirs.items),
        (ours.times, theirs.times),
        *((ours.features[name], theirs.features[name]) for name in ours.features),
    ):
        for one, another in zip(mine, other, strict=True):
            assert one.dtype == another.dtype and one.tolist() == another.tolist()
    assert ours.users.tolist() == theirs.users.tolist()
    assert read.item_vectors.dtype == read.embeddings.dtype == np.float32
    assert (read.embeddings == written.embeddings).all()
    assert [file.name for file in tmp_path.iterdir()] == ["probes.npz"]


def test_a_mixed_precision_model_is_probed_in_float32(dataset, tmp_path):
    query = {"encoder": {"kind": "gru", "units": 6}}
    exact = make_retriever(query)
    mixed = make_retriever(query, dtype="mixed_bfloat16")
    expected = write_probes(exact, dataset, tmp_path / "exact.npz")
    found = write_probes(mixed, dataset, tmp_path / "mixed.npz")
    np.testing.assert_allclose(found.embeddings, expected.embeddings, rtol=1e-6)
    np.testing.assert_allclose(found.item_vectors, expected.item_vectors, rtol=1e-6)
    rounded = ops.convert_to_numpy(mixed.item_vectors())
    assert not np.allclose(rounded, expected.item_vectors, rtol=1e-4)


def test_full_precision_is_given_back():
    tf = pytest.importorskip("tensorflow")
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    before = enabled()
    with full_float32_products():
        inside = enabled()
    assert enabled() == before
    if __import__("keras").config.backend() == "tensorflow":
        assert not inside
