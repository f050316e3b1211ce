"""A class of a user's own that a run was made with is named where it is not known."""

import json
import re
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import BaseModel

import recsys
from recsys.errors import InputError
from recsys.experiment.own_parts import FILE, own_parts
from recsys.experiment.schema import Experiment, load_experiment
from recsys.experiment.written import written_experiment
from recsys.models.query.encoder import BaseEncoderConfig
from recsys.runs.folder import RunFolder
from recsys.runs.training_claim import TrainingClaim
from recsys.system import kinds

DATA = {"log": {"path": "log.csv", "columns": {"user": "u", "item": "i"}}}
MODULE = re.escape(__name__)


class HalfConfig(BaseEncoderConfig):
    """An encoder of a user's own."""

    kind: Literal["half"] = "half"
    share: float = 0.5

    def build(self, dim, positions, **kwargs):
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a run with an encoder of the user's own, in a process that lacks its class."""
    monkeypatch.setattr(kinds, "_own", {})
    model = {"query": {"encoder": HalfConfig(share=0.25)}}
    experiment = Experiment.model_validate({"name": "half", "data": DATA, "model": model})
    found = RunFolder(tmp_path / "half" / "1")
    TrainingClaim(found, experiment, 1).record(None)
    kinds._own.clear()
    return found


def test_the_class_is_on_record_beside_the_experiment(folder):
    assert json.loads((folder.path / FILE).read_text()) == {
        "model.query.encoder": {
            "module": __name__, "class": "HalfConfig", "group": "recsys.encoders"
        }
    }  # fmt: skip
    assert folder.files.hold(folder.own_parts)


def test_a_run_of_our_own_parts_records_none(tmp_path):
    experiment = Experiment.model_validate({"name": "x", "data": DATA})
    assert own_parts(experiment) == {}
    TrainingClaim(RunFolder(tmp_path), experiment, 1).record(None)
    assert not (tmp_path / FILE).exists()


def test_whoever_opens_it_elsewhere_reads_which_class_it_was(folder):
    said = (
        rf"made with the class HalfConfig of the module {MODULE} \(model\.query\.encoder\), which "
        rf"this process does not know\. In Python, import it from {MODULE}: recsys\.load\(.*, "
        r"parts=\[HalfConfig\]\) opens it, and recsys\.run\(.* an entry point of recsys\.encoders"
    )
    for read in (
        lambda: load_experiment(folder.experiment),
        folder.read_experiment,
        lambda: recsys.load(folder.path),
    ):
        with pytest.raises(InputError, match=said) as refused:
            read()
        assert "another version" not in str(refused.value)


def test_an_instance_of_it_makes_it_known(folder):
    given = {"model.query.encoder": HalfConfig(share=0.25)}
    assert load_experiment(folder.experiment, given).model.query.encoder.share == 0.25
    assert folder.read_experiment().model.query.encoder == HalfConfig(share=0.25)


def test_its_class_makes_it_known(folder):
    assert recsys.load(folder.path, parts=[HalfConfig]).experiment.model.query.encoder.share == 0.25
    for wrong in (HalfConfig(), int, BaseModel):
        with pytest.raises(InputError, match=r"load: parts holds .*: expected the config class"):
            recsys.load(folder.path, parts=[wrong])


def test_a_model_without_its_run_names_the_class_as_well(folder):
    """Copied from its run, a model has its manifest alone."""
    document, parts = (
        yaml.safe_load(folder.experiment.read_text()),
        json.loads(folder.own_parts.read_text()),
    )
    said = (
        r"the model in copy/1 was made with .* recsys\.load\('copy/1', parts=\[HalfConfig\]\) opens"
    )
    with pytest.raises(InputError, match=said) as refused:
        written_experiment(document, Path("copy/1"), parts)
    assert "recsys.run" not in str(refused.value)


def test_other_mistakes_are_told_as_they_are(folder):
    with pytest.raises(InputError, match=r"training\.epochs") as refused:
        load_experiment(folder.experiment, {"training.epochs": 0, "model.query.encoder": "gru"})
    assert "HalfConfig" not in str(refused.value)


def test_a_notebook_has_its_cell_run(folder):
    record = json.loads(folder.own_parts.read_text())
    record["model.query.encoder"]["module"] = "__main__"
    folder.own_parts.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"of a notebook or script .* define it: recsys"):
        load_experiment(folder.experiment)


def test_without_a_record_the_kind_is_all_that_is_known(folder):
    folder.own_parts.unlink()
    with pytest.raises(InputError, match="'half' is not one of 'average'"):
        load_experiment(folder.experiment)
    assert yaml.safe_load(folder.experiment.read_text())["model"]["query"]["encoder"]
