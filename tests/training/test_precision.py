"""What layers compute in, by card."""

import logging
from pathlib import Path

import pytest

from recsys import pipeline
from recsys.experiment.schema import Experiment
from recsys.training import precision
from recsys.training.precision import dtype_policy


@pytest.fixture
def card(monkeypatch):
    def is_(capability: float | None) -> None:
        monkeypatch.setattr(precision, "oldest_capability", lambda: capability)

    return is_


@pytest.mark.parametrize(
    ("capability", "expected"),
    [(None, "float32"), (7.5, "float32"), (8.0, "mixed_bfloat16"), (12.0, "mixed_bfloat16")],
)
def test_auto_is_bfloat16_where_a_card_is_made_for_it(card, capability, expected, caplog):
    card(capability)
    assert dtype_policy("auto") == expected
    assert dtype_policy("float32") == "float32"
    assert not caplog.records


def test_an_old_card_warns_of_bfloat16_and_computes_in_float32(card, caplog):
    card(7.5)
    with caplog.at_level(logging.WARNING):
        assert dtype_policy("mixed_bfloat16") == "float32"
    assert "compute capability 7.5" in caplog.text


@pytest.mark.parametrize("capability", [None, 8.6])
def test_cpus_and_new_cards_compute_in_what_was_asked_for(card, capability, caplog):
    card(capability)
    assert dtype_policy("mixed_bfloat16") == "mixed_bfloat16"
    assert not caplog.records


def test_a_run_keeps_what_was_decided(card, tmp_path):
    """On another card, too; another setting is decided anew."""

    def decided(asked: str) -> str:
        log = {"path": "log.csv", "columns": {"user": "user", "item": "item"}}
        section = {"name": "kept", "data": {"log": log}, "training": {"precision": asked}}
        line = pipeline.Pipeline(Experiment.model_validate(section), 1, Path(tmp_path))
        line.folder.path.mkdir(parents=True, exist_ok=True)
        return line._precision()

    card(9.0)
    assert decided("float32") == "float32"
    assert decided("auto") == "mixed_bfloat16"
    card(None)
    assert decided("auto") == "mixed_bfloat16"
    assert decided("float32") == "float32"
    card(7.5)
    assert decided("mixed_bfloat16") == "float32"
    assert decided("auto") == "float32"
