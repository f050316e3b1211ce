"""Fields by keyword."""

import pytest

from recsys.errors import InputError
from recsys.experiment.fields import with_fields
from recsys.experiment.schema import Experiment
from recsys.models.query.attention import AttentionConfig

BASE = Experiment.model_validate(
    {"name": "x", "data": {"log": {"path": "log.csv", "columns": {"user": "u", "item": "i"}}}}
)


def refused(**fields) -> str:
    with pytest.raises(InputError, match=r"^train:") as error:
        with_fields(BASE, fields, "train")
    return str(error.value)


def test_a_key_that_one_section_has_is_enough():
    found = with_fields(
        BASE, {"epochs": 3, "learning_rate": 0.5, "seeds": [4, 5], "dim": 8}, "train"
    )
    assert found.training.epochs == 3 and found.training.optimizer.learning_rate == 0.5
    assert found.training.seeds == [4, 5] and found.model.dim == 8
    assert BASE.training.epochs != 3


def test_dotted_keys_are_as_long_as_one_likes():
    found = with_fields(
        BASE,
        {"training.epochs": 3, "optimizer.learning_rate": 0.5, "evaluation.k": [10]},
        "train",
    )
    assert found.training.epochs == 3 and found.training.optimizer.learning_rate == 0.5
    assert list(found.evaluation.k) == [10]


def test_what_a_continuation_has_too_means_the_training():
    found = with_fields(
        BASE, {"epochs": 3, "continue_from": {"run": "runs/a", "epochs": 1}}, "train"
    )
    assert found.training.epochs == 3 and found.training.continue_from.epochs == 1


def test_a_text_is_the_kind_of_a_section():
    found = with_fields(BASE, {"encoder": "lstm", "loss": "sampled_softmax", "units": 12}, "train")
    assert found.model.query.encoder.kind == "lstm" and found.model.query.encoder.units == 12
    assert found.model.loss.kind == "sampled_softmax"
    assert "'lstm'" in refused(encoder="lsmt")


def test_a_section_may_be_a_mapping_an_object_or_left_out():
    as_mapping = with_fields(BASE, {"encoder": {"kind": "attention", "blocks": 1}}, "train")
    as_object = with_fields(BASE, {"encoder": AttentionConfig(blocks=1)}, "train")
    assert as_mapping == as_object and as_object.model.query.encoder.blocks == 1
    assert (
        with_fields(BASE, {"encoder": None, "user_id": True}, "train").model.query.encoder is None
    )


def test_a_key_of_several_sections_is_that_of_the_one_beside_it():
    attention = with_fields(BASE, {"encoder": "attention", "blocks": 3}, "train")
    assert attention.model.query.encoder.blocks == 3
    assert attention.model.item.image == BASE.model.item.image
    assert "may be model.query.encoder.blocks or model.item.image.blocks" in refused(blocks=3)
    said = refused(units=3)
    assert "model.item.text.units" in said and "model.query.encoder.units" in said
    assert "may be evaluation.k or export.k" in refused(k=5)


def test_a_kind_is_never_that_of_the_section_beside_it():
    said = refused(encoder="average", kind="gru")
    assert "'kind' may be model.query.encoder.kind or " in said and "model.loss.kind" in said


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epoch": 3}, r"has 'epoch'; did you mean epochs \(training.epochs\)"),
        ({"zzzz": 3}, "no section of an experiment has 'zzzz'"),
        ({"training.epoch": 3}, "training.epoch: unknown key; did you mean 'epochs'"),
        ({"minimum_user_events": 3}, "give it to recsys.Dataset.from_frame"),
        ({"data.log.path": "x"}, "give it to recsys.Dataset.from_frame"),
        ({"epochs": 3, "training.epochs": 4}, "training.epochs is given twice, as 3 and as 4"),
        (
            {"encoder": "average", "encoder.kind": "gru"},
            r"encoder\.kind is given twice, as 'average' in model\.query\.encoder and as 'gru'",
        ),
        ({"encoder": AttentionConfig(blocks=1), "blocks": 2}, "blocks is given twice, as 1 in"),
        ({"query": {"encoder": None}, "encoder": "gru"}, "query.encoder is given twice, as None"),
        ({"encoder": None, "encoder.kind": "gru"}, "encoder.kind is given twice, as None in"),
        ({"dim": "64"}, "model.dim: .*valid integer, received '64'; give 64"),
        ({"dim": object()}, "train: model.dim: <object object .* is not a value of a field"),
        ({"epochs": "3"}, "should be a valid integer"),
        (
            {"encoder": AttentionConfig},
            r"class AttentionConfig is not .* such as AttentionConfig\(\)",
        ),
    ],
)
def test_what_nobody_can_mean_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        with_fields(BASE, fields, "train")


def test_an_unknown_kind_is_answered_with_the_nearest():
    assert "did you mean 'attention'" in refused(encoder="atention")
    assert "did you mean 'sampled_softmax'" in refused(loss={"kind": "sampled_softmx"})
    assert "did you mean 'allow'" in refused(seen="alow")
    assert "did you mean 'popular'" in refused(baselines=["popluar"])
    assert "did you mean 'ndcg@20'" in refused(metric="ndgc@20")
