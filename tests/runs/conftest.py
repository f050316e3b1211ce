"""A run that has begun to train."""

import pytest
import yaml

from recsys.experiment.schema import load_experiment
from recsys.runs.folder import RunFolder
from recsys.runs.training_claim import TrainingClaim
from tests.datasets import checkerboard

DOCUMENT = {
    "data": {"log": {"path": "log.csv", "columns": {"user": "u", "item": "i", "time": "t"}}},
    "model": {"query": {"encoder": {"kind": "lstm"}}},
}


@pytest.fixture
def dataset(tmp_path):
    return checkerboard(tmp_path / "datasets" / "board")


@pytest.fixture
def load(tmp_path):
    """An experiment, by its overrides."""

    def loaded(*overrides: str):
        path = tmp_path / "my-experiment.yaml"
        path.write_text(yaml.safe_dump(DOCUMENT))
        return load_experiment(path, list(overrides))

    return loaded


@pytest.fixture
def claim(load, folder):
    """The claim that an experiment with some overrides has to the folder."""

    def claimed(*overrides: str, seed: int = 1) -> TrainingClaim:
        return TrainingClaim(folder, load(*overrides), seed)

    return claimed


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "my-experiment" / "1")


@pytest.fixture
def begun(folder, claim, dataset):
    """The folder of a run that has begun to train."""
    claim().take(dataset)
    folder.checkpoints.mkdir()
    return folder
