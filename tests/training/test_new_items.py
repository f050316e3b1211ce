"""Items that training has never seen are found by their texts."""

import numpy as np
import pytest

from recsys.data.feature import Feature
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from tests.datasets import write_dataset
from tests.models import zoo

KNOWN, NEW = 12, 4
TRAINING = TrainingConfig.model_validate(
    {"epochs": 10, "batch_size": 10, "optimizer": {"learning_rate": 0.02}}
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Even users like even items, odd users odd ones; "even" and "odd" are words.

    Each title has a word of its own too. The last four items are in the
    catalogue only, until each user's one test event.
    """
    generator = np.random.default_rng(0)
    users = []
    for user in range(60):
        liked = generator.permutation(np.arange(user % 2, KNOWN, 2)).tolist()
        users.append([liked, [], [KNOWN + user % 2]])
    items = np.arange(KNOWN + NEW, dtype=np.int32)
    titles = np.stack([items + 3, items % 2 + 1, np.zeros_like(items)], axis=1)
    title = Feature(name="title", kind="text", width=3, vocabulary_size=KNOWN + NEW + 3)
    folder = tmp_path_factory.mktemp("new_items") / "dataset"
    return write_dataset(folder, users, KNOWN + NEW, item_features={"title": (title, titles)})


# A loss over the whole catalogue, and one that reads the texts of a batch's items only.
@pytest.mark.parametrize(
    ("item", "loss"),
    [
        ("text-rnn", "cross_entropy"),
        ("text-cnn", "popularity"),
        ("cold-start", "cross_entropy"),
        ("cold-start", "popularity"),
    ],
)
def test_the_new_items_of_the_right_colour_come_first(dataset, tmp_path, item, loss):
    config = ModelConfig.model_validate(zoo.model("average", loss, item=zoo.ITEMS[item]))
    retriever = build_retriever(config, dataset, "train", seed=1)
    fit(retriever, dataset, TRAINING, 1, tmp_path)
    embedder = RetrieverEmbedder(retriever, dataset)
    queries = embedder.embed(dataset.queries("test"), slice(0, 60))
    new = queries @ embedder.item_vectors[KNOWN:].T
    colour = np.arange(60) % 2
    right = np.stack([new[user, colour[user] :: 2] for user in range(60)])
    wrong = np.stack([new[user, 1 - colour[user] :: 2] for user in range(60)])
    assert np.mean(right.min(axis=1) > wrong.max(axis=1)) > 0.95


def test_a_catalogue_of_one_item(tmp_path):
    title = Feature(name="title", kind="text", width=1, vocabulary_size=2)
    features = {"title": (title, np.array([[1]], dtype=np.int32))}
    users = [[[0, 0], [0], [0]], [[0], [0], [0]]]
    dataset = write_dataset(tmp_path / "dataset", users, 1, item_features=features)
    config = ModelConfig.model_validate(zoo.model("average", item=zoo.ITEMS["text-cnn"]))
    retriever = build_retriever(config, dataset, "train", seed=1)
    progress = fit(retriever, dataset, TRAINING, 1, tmp_path)
    assert progress.history[-1]["loss"] == pytest.approx(0, abs=1e-6)
    ranked = rank(
        RetrieverEmbedder(retriever, dataset), dataset, dataset.queries("test"), "allow", k=3
    )
    assert ranked.ranks.tolist() == [1, 1]
    assert ranked.top_items.tolist() == [[0, -1, -1]] * 2
