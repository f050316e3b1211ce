"""One process at a time is at work in a run's folder."""

import subprocess

import pytest

from recsys.errors import InputError
from recsys.runs.at_work import at_work
from recsys.tracking import TrackingConfig

UNTRACKED = TrackingConfig(enabled=False)


def test_one_process_at_a_time(begun, claim, dataset, tmp_path):
    refused = pytest.raises(InputError, match=r"another process is at work in .*wait for it")
    with at_work(claim(), dataset, UNTRACKED, tmp_path, 1):
        with refused, at_work(claim(), dataset, UNTRACKED, tmp_path, 1):
            pass
        assert begun.checkpoints.is_dir()
    with at_work(claim(), dataset, UNTRACKED, tmp_path, 1, overwrite=True):
        assert not begun.checkpoints.exists()


def test_what_a_killed_process_left_is_removed(begun, claim, dataset, tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    (begun.checkpoints / f".{killed.pid}-last.npz").touch()
    (begun.model / f".{killed.pid}-1" / "new").mkdir(parents=True)
    with at_work(claim(), dataset, UNTRACKED, tmp_path, 1):
        assert list(begun.checkpoints.iterdir()) == list(begun.model.iterdir()) == []


def test_a_run_that_fails_before_it_makes_anything_leaves_nothing(folder, claim, dataset, tmp_path):
    """An encoder of one's own that cannot be built, say."""
    for made in (False, True):
        with pytest.raises(ZeroDivisionError), at_work(claim(), dataset, UNTRACKED, tmp_path, 1):
            assert folder.experiment.is_file()
            if made:
                folder.checkpoints.mkdir()
            _ = 1 / 0
        assert folder.path.exists() == folder.path.parent.exists() == made
    refused = pytest.raises(InputError, match=r"model\.dim")  # of the run that is there
    with refused, at_work(claim("model.dim=8"), dataset, UNTRACKED, tmp_path, 1):
        pass
    assert folder.experiment.is_file()


def test_mlflow_is_told_whose_run_it_is(folder, claim, dataset, tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    config = TrackingConfig(system_metrics_interval=0)
    params, tags = {"seed": 1}, {"backend": "jax"}
    with at_work(claim(), dataset, config, tmp_path, 1, params=params, tags=tags) as tracker:
        tracker.log_metrics({"test": {"ndcg@10": 0.5}})
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert (run.info.run_name, run.info.status) == ("my-experiment-1", "FINISHED")
    assert run.data.params["seed"] == "1" and run.data.params["training.seeds"] == "[1]"
    assert run.data.tags["backend"] == "jax"
    assert run.data.tags["data_fingerprint"] == dataset.fingerprint
    assert run.data.metrics == {"test/ndcg_at_10": 0.5}
