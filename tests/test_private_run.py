"""A run under differential privacy of users, as a user at a terminal runs it."""

import json
import shutil

import pytest
import yaml

from tests.logs import write_log
from tests.processes import run_python

pytestmark = [pytest.mark.slow, pytest.mark.nightly]
EXPERIMENT = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
    },
    "seen": "allow",
    "model": {
        "dim": 8,
        "max_events": 6,
        "query": {"encoder": {"kind": "gru", "dropout": 0.0}},
        "loss": {"kind": "sampled_softmax", "negatives": {"kind": "uniform", "count": 8}},
    },
    "training": {"epochs": 2, "batch_size": 16, "privacy": {"epsilon": 4, "delta": 1e-3}},
    "evaluation": {"bootstrap_samples": 100, "baselines": ["popular"]},
    "export": {"timed_queries": 0},
    "tracking": {"system_metrics_interval": 0},
}
PROGRAM = """
from pathlib import Path
from tests.commands import recsys

done = recsys("run", "private.yaml", cwd=Path.cwd())
assert done.returncode == 0, done.stderr[-3000:]
print(done.stdout)
more = recsys("run", "private.yaml", "training.epochs=3", cwd=Path.cwd())
assert more.returncode == 2, more.stderr[-3000:]
print(more.stderr)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory, empty_store):
    """The folder of a finished run, and what was said of it, and of more epochs."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    write_log(folder, users=40, items=12, events=10)
    (folder / "private.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    done = run_python("jax", "-c", PROGRAM, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "runs" / "private" / "1", " ".join(done.stdout.split())


def test_what_was_done_for_users_is_in_metrics_manifest_summary_and_mlflow(found):
    from mlflow.tracking import MlflowClient

    run, said = found
    privacy = json.loads((run / "metrics.json").read_text())["privacy"]
    assert privacy["unit"] == "user" and privacy["users"] == 40 and privacy["steps"] == 6
    assert 3.9 < privacy["epsilon"] <= 4.0 and privacy["delta"] == 1e-3
    manifest = json.loads((run / "model" / "1" / "assets.extra" / "manifest.json").read_text())
    assert manifest["privacy"] == privacy
    assert "differentially private for each user: epsilon 4.00 at delta 0.001" in said
    client = MlflowClient(f"sqlite:///{run.parents[1]}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (tracked,) = client.search_runs(experiments, "run_name = 'private-1'")
    assert tracked.data.metrics["privacy/epsilon"] == privacy["epsilon"]
    assert tracked.data.metrics["privacy/noise_multiplier"] == privacy["noise_multiplier"]


def test_the_last_epoch_is_kept_whatever_validation_says(found):
    run, _ = found
    metrics = json.loads((run / "metrics.json").read_text())
    last = json.loads((run / "history.json").read_text())[-1]
    assert metrics["timing"]["best_epoch"] == 2
    assert metrics["validation"]["ndcg@10"]["value"] == last["ndcg@10"]


def test_more_epochs_are_refused(found):
    """The noise was chosen for as many steps as were asked for."""
    assert "training.epochs cannot be raised under training.privacy" in found[1]
