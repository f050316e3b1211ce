"""Experiment files with a search: what is read, and what is refused."""

import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment.schema import load_experiment
from recsys.tuning.search_space import Range, SweepConfig
from recsys.tuning.sweep_file import as_document, read_sweep

DOCUMENT = {
    "data": {"log": {"path": "log.csv", "columns": {"user": "u", "item": "i", "time": "t"}}},
    "model": {"dim": 8},
    "sweep": {"space": {"model.dim": {"low": 8, "high": 16, "int": True}}, "trials": 3},
}


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(DOCUMENT))
    return file


def refused(file, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        read_sweep(file, list(overrides))
    return str(caught.value)


def test_the_experiment_is_the_one_that_recsys_run_reads(file):
    experiment, sweep = read_sweep(file, ["sweep.trials=5", "model.dim=16"], "other")
    assert experiment == load_experiment(file, ["model.dim=16"], "other")
    assert sweep == SweepConfig(space={"model.dim": Range(low=8, high=16, int=True)}, trials=5)


def test_what_is_written_down_is_read_again(file, tmp_path):
    read = read_sweep(file)
    again = tmp_path / "experiment.yaml"
    again.write_text(yaml.safe_dump(as_document(*read)))
    # All defaults are given now, which experiments do not compare by.
    experiment, sweep = read_sweep(again)
    assert (experiment.dump(), sweep.model_dump()) == (read[0].dump(), read[1].model_dump())


def test_every_mistake_is_named_at_once(file):
    message = refused(file, "training.epoch=3", "sweep.trial=3", "sweep.space={data.log: {low: 1}}")
    assert "training.epoch: unknown key; did you mean 'epochs'?" in message
    assert "sweep.trial: unknown key; did you mean 'trials'?" in message
    assert "high: is needed" in message


def test_a_file_without_a_search(file):
    assert f"{file} has no section `sweep`: say under `sweep.space`" in refused(file, "sweep=null")


def test_another_task(file):
    assert "`task: propensity`" in refused(file, "task=propensity")


@pytest.mark.parametrize("key", ["training.seeds", "training.refit", "evaluation.metric", "seen"])
def test_what_cannot_be_swept(file, key):
    message = refused(file, f"sweep.space={{{key}: {{choices: [1]}}}}")
    assert f"sweep.space: {key}: only keys of `model` and `training` can be swept" in message


@pytest.mark.parametrize(
    "section, said",
    [
        ("{trials: 1, space: {}}", "at least 1"),
        ("{space: {model.dim: {choices: [8]}}}", "a budget is needed"),
        ("{trials: 1, space: {model.dim: {low: 8}}}", "high: is needed"),
        ("{trials: 1, space: {model.dim: {low: 8, hihg: 9}}}", "did you mean 'high'"),
        ("{trials: 1, space: {model.dim: {choices: [8], low: 1}}}", "low: unknown key"),
        ("{trials: 1, space: {model.dim: {low: 8, high: 2}}}", "above high"),
        ("{trials: 1, space: {model.dim: {low: 0, high: 2, log: true}}}", "above 0"),
        ("{trials: 1, space: {model.dim: {low: 1.5, high: 2, int: true}}}", "whole"),
        ("{trials: 1, space: {model.dim: {low: 1, high: 2, step: 0.3}}}", "number of steps"),
        ("{trial: 1, space: {model.dim: {choices: [8]}}}", "did you mean 'trials'"),
    ],
)
def test_a_bad_section_is_refused(file, section, said):
    assert said in refused(file, f"sweep={section}")
