"""Which run a path means."""

from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from recsys.runs.opening import open_exported, open_run, open_seeds
from recsys.runs.training_claim import TrainingClaim


@pytest.fixture
def runs(load, begun, dataset):
    """A folder with the seeds 1, 2, 9 and 10."""
    runs = begun.path.parent
    for seed in (10, 9, 2):
        TrainingClaim(RunFolder(runs / str(seed)), load(), seed).take(dataset)
    return runs


def test_a_folder_of_several_seeds_is_none_of_one_run(runs):
    with pytest.raises(InputError, match=r"not the folder of one run .*/1, .*/2, .*/9, .*/10\)"):
        open_run(runs)
    assert open_run(runs / "2").path == runs / "2"


def test_a_folder_of_one_seed_is_that_run(begun):
    assert open_run(begun.path.parent).path == begun.path


def test_a_sweep_is_no_run(tmp_path):
    sweep = tmp_path / "sweeps" / "tea"
    (sweep / "trial-0").mkdir(parents=True)
    (sweep / "trial-0" / "experiment.yaml").touch()
    (sweep / "trials.csv").touch()
    for path in (sweep, Path("sweeps/tea")):
        with pytest.raises(InputError, match=r"tea is a sweep, .*recsys run \S+/tea/best.yaml"):
            open_seeds(path, tmp_path)


def test_of_several_seeds_the_lowest_that_was_exported_answers(runs, caplog):
    caplog.set_level("INFO", "recsys")
    with pytest.raises(InputError, match="not the folder of one run"):
        open_exported(runs)
    for seed in ("10", "9"):
        (runs / seed / "model" / "1").mkdir(parents=True)
    assert open_exported(runs).path == runs / "9"
    assert f"of the seeds in {runs}, 9 answers; 10" in caplog.text
    assert open_exported(runs / "10").path == runs / "10"


def test_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match="none"):
        open_run(tmp_path)
