"""What a dataset must have for a model."""

from typing import Literal

import keras
import pytest

from recsys.errors import InputError
from recsys.models.query.encoder import BaseEncoderConfig
from recsys.models.retriever import ModelConfig
from recsys.system import kinds
from recsys.training.build import build_retriever, check_model
from tests.datasets import with_context, write_dataset
from tests.models import zoo


def test_times_are_read_of_a_log_with_times_only(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1], [2], [3]]], 4)
    timed = ModelConfig.model_validate(zoo.model("timed-attention"))
    assert check_model(timed, dataset) == ([], [], [])
    dataset.manifest = dataset.manifest.model_copy(update={"has_time": False})
    with pytest.raises(
        InputError, match=r"encoder \(attention\) reads the times .* Map data\.log\.columns\.time"
    ):
        check_model(timed, dataset)
    check_model(ModelConfig.model_validate(zoo.model("attention")), dataset)


def test_a_log_without_items_has_nothing_to_recommend(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0], [0], [0]]], 1)
    dataset.manifest = dataset.manifest.model_copy(update={"has_items": False})
    with pytest.raises(InputError, match=r"nothing to recommend.*data\.log\.columns\.item"):
        check_model(ModelConfig(), dataset)


def test_whole_sequences_are_read_of_a_log_without_order_only(tmp_path):
    users = [[[0, 1], [2], [3]]]
    sets = ModelConfig.model_validate(
        zoo.model("average") | {"query": {"encoder": {"kind": "average", "over": "others"}}}
    )
    unordered = write_dataset(tmp_path / "unordered", users, 4, has_order=False)
    assert check_model(sets, unordered) == ([], [], [])
    with pytest.raises(
        InputError, match=r"encoder \(average\) predicts an event from those after.*over: past"
    ):
        check_model(sets, write_dataset(tmp_path / "ordered", users, 4))


def test_what_is_context_in_the_fitted_part_is_no_candidate(tmp_path):
    users = [[[0, 1, 2], [1], [3]]]
    dataset = with_context(write_dataset(tmp_path / "dataset", users, 4), [1], part="train")
    config = ModelConfig.model_validate(zoo.model("average"))
    train = build_retriever(config, dataset, "train", seed=1)
    assert (train.known_items, train.candidate_items) == (3, 2)
    assert keras.ops.convert_to_numpy(train.candidates).tolist() == [0, 2]
    refitted = build_retriever(config, dataset, "validation", seed=1)
    assert refitted.candidate_items is None
    assert len(refitted.variables) == len(train.variables) - 2


class AloneConfig(BaseEncoderConfig):
    """Of somebody else, and as the parameter says."""

    kind: Literal["alone"] = "alone"
    does: str = "keeps"

    def build(self, dim: int, positions: int, **kwargs) -> keras.layers.Layer:
        return Alone(self.does, **kwargs)


class Alone(keras.layers.Layer):
    def __init__(self, does: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.does = does

    def call(self, history_BLD, training: bool = False):
        mean_B1D = keras.ops.mean(history_BLD, axis=1, keepdims=True)
        return {
            "keeps": history_BLD,
            "shrinks": mean_B1D[:, 0],
            "looks ahead": history_BLD + mean_B1D,
        }[self.does]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("shrinks", r"returned an array of shape \(2, 8\) for a history of shape \(2, 4, 8\)"),
        ("looks ahead", "'alone' looks ahead: position t changes with an event after it"),
    ],
)
def test_an_encoder_of_somebody_else_is_held_to_its_contract(tmp_path, monkeypatch, does, said):
    monkeypatch.setattr(kinds, "_own", {})
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1], [2], [3]]], 4)

    def built(does: str):
        config = ModelConfig(dim=8, query={"encoder": AloneConfig(does=does)})
        return build_retriever(config, dataset, "train", seed=1)

    assert built("keeps").query_tower.encoder.does == "keeps"
    with pytest.raises(InputError, match=said):
        built(does)
