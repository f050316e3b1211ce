"""The examples of CONTRIBUTING.md work as printed."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.ranking import rank
from recsys.models.retriever import ModelConfig
from recsys.system import kinds
from recsys.training.batches import training_batches
from recsys.training.build import build_retriever
from tests.datasets import checkerboard, write_dataset

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


@pytest.fixture
def example(monkeypatch):
    """The names that an example defines, by its number."""
    monkeypatch.setattr(kinds, "_own", {})
    found = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(), flags=re.DOTALL)

    def defined(number: int) -> dict:
        names: dict = {"__name__": "example"}
        exec(compile(found[number], "example.py", "exec"), names)
        return names

    return defined


def test_the_example_encoder(example):
    names = example(0)
    encoder = names["FadingConfig"](keep=0.5).build(2, 3)
    history = np.array([[[1, 0], [0, 1], [4, 4]]], dtype=np.float32)
    found = keras.ops.convert_to_numpy(encoder(history))
    by_hand = [[1, 0], [1 / 3, 2 / 3], [(0.25 + 4) / 1.75, (0.5 + 4) / 1.75]]
    np.testing.assert_allclose(found[0], by_hand, rtol=1e-6)
    copy = names["Fading"].from_config(encoder.get_config())
    assert copy.keep == 0.5


def test_the_example_loss_trains_with_the_example_encoder(example, tmp_path):
    config = ModelConfig(
        dim=4,
        query={"encoder": example(0)["FadingConfig"](keep=0.5)},
        loss=example(1)["SquaredConfig"](negatives={"kind": "uniform", "count": 2}),
    )
    retriever = build_retriever(config, checkerboard(tmp_path / "dataset"), "train", seed=1)
    batch = training_batches(retriever, Dataset(tmp_path / "dataset"))[0]
    assert batch["negatives"].shape == (2,)
    # Scores of 0: each target is 1 too low.
    retriever.item_tower.table.embeddings.assign(
        keras.ops.zeros_like(retriever.item_tower.table.embeddings)
    )
    assert float(retriever.loss_of(retriever(batch), batch)) == pytest.approx(1.0)


def test_the_example_baseline(example, tmp_path):
    users = [[[0, 1, 2], [0], [1]], [[2, 1, 3], [2], [3]]]
    dataset = write_dataset(tmp_path / "dataset", users, 4)
    config = EvaluationConfig(baselines=["popular", example(2)["NewestConfig"]()])
    newest = config.baselines[1]
    ((settings, fitted),) = newest.candidates(dataset, "train", "allow")
    found = rank(fitted(), dataset, dataset.queries("test"), "allow", 4)
    # Item 3 appeared last, then 2, 1 and 0.
    assert found.top_items.tolist() == [[3, 2, 1, 0]] * 2
    assert newest.fit(dataset, "train", settings).catalogue_items == 4
    assert config.model_dump()["baselines"] == ("popular", "newest")
