"""Experiment files: what is refused, and how the message helps."""

import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment import Experiment, load_experiment
from recsys.run_folder import RunFolder

DOCUMENT = {
    "data": {"log": {"path": "log.csv", "columns": {"user": "u", "item": "i", "time": "t"}}},
    "model": {"query": {"encoder": {"kind": "lstm"}}},
}


def load(tmp_path, document=DOCUMENT, overrides=()) -> Experiment:
    path = tmp_path / "my-experiment.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return load_experiment(path, list(overrides))


def refused(tmp_path, document=DOCUMENT, overrides=()) -> str:
    with pytest.raises(InputError) as caught:
        load(tmp_path, document, overrides)
    return str(caught.value)


def test_the_file_names_the_experiment(tmp_path):
    assert load(tmp_path).name == "my-experiment"


def test_overrides(tmp_path):
    experiment = load(
        tmp_path, overrides=["training.epochs=3", "training.seeds=[1, 2]", "seen=allow"]
    )
    assert experiment.training.epochs == 3
    assert experiment.training.seeds == [1, 2]
    assert experiment.seen == "allow"


def test_an_unknown_key_is_refused_with_the_nearest_right_one(tmp_path):
    message = refused(tmp_path, overrides=["training.epoch=3"])
    assert "training.epoch: unknown key; did you mean 'epochs'?" in message


def test_the_nearest_key_is_looked_for_in_the_chosen_variant(tmp_path):
    message = refused(tmp_path, overrides=["model.query.encoder.unit=3"])
    assert "did you mean 'units'?" in message
    message = refused(tmp_path, overrides=["model.query.encoder={kind: average, unitz: 3}"])
    assert "known keys: dropout, kind" in message


def test_a_wrong_type_is_refused_with_what_was_received(tmp_path):
    message = refused(tmp_path, overrides=["training.epochs=many"])
    assert "training.epochs" in message and "'many'" in message and "integer" in message


def test_every_mistake_is_named(tmp_path):
    message = refused(tmp_path, overrides=["training.epoch=3", "model.dims=3", "seen=maybe"])
    assert message.count("\n") == 3


def test_a_missing_section(tmp_path):
    assert "data: is needed" in refused(tmp_path, {"model": {}})


@pytest.mark.parametrize("text", ["a: [", "- a list", "just text"])
def test_what_is_no_experiment(tmp_path, text):
    assert "my-experiment.yaml" in refused(tmp_path, text)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="no experiment file"):
        load_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize("override", ["training.epochs", "=3", "name.deeper=3"])
def test_what_is_no_override(tmp_path, override):
    document = {**DOCUMENT, "name": "x"}
    assert refused(tmp_path, document, [override])


def test_a_dump_is_the_same_experiment(tmp_path):
    experiment = load(tmp_path)
    assert Experiment.model_validate(experiment.dump()) == experiment


class TestRunFolder:
    def test_the_same_experiment_continues(self, tmp_path):
        experiment = load(tmp_path)
        first = RunFolder.claim(tmp_path, experiment, 1)
        (first.path / "kept").touch()
        again = RunFolder.claim(tmp_path, experiment, 1)
        assert (again.path / "kept").exists()
        assert again.read_experiment().training.seeds == [1]

    def test_another_experiment_is_refused(self, tmp_path):
        RunFolder.claim(tmp_path, load(tmp_path), 1)
        other = load(tmp_path, overrides=["training.epochs=7"])
        with pytest.raises(InputError, match=r"training\.epochs.*--name.*--overwrite"):
            RunFolder.claim(tmp_path, other, 1)

    def test_overwrite_starts_afresh(self, tmp_path):
        folder = RunFolder.claim(tmp_path, load(tmp_path), 1)
        (folder.path / "gone").touch()
        other = load(tmp_path, overrides=["training.epochs=7"])
        RunFolder.claim(tmp_path, other, 1, overwrite=True)
        assert not (folder.path / "gone").exists()
        assert folder.read_experiment().training.epochs == 7

    def test_seeds_have_folders_of_their_own(self, tmp_path):
        experiment = load(tmp_path, overrides=["training.seeds=[1, 2]"])
        folders = {RunFolder.claim(tmp_path, experiment, seed).path.name for seed in (1, 2)}
        assert folders == {"1", "2"}
        with pytest.raises(InputError, match="not the folder of one run"):
            RunFolder.open(tmp_path / "my-experiment")

    def test_what_is_no_run(self, tmp_path):
        with pytest.raises(InputError, match="none"):
            RunFolder.open(tmp_path)
