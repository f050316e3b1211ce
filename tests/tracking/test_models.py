import json
import logging
import sys

import pytest

from recsys.system.plugins import plugins
from recsys.tracking import models, store
from recsys.tracking import saved_model as saved_model_kind
from recsys.tracking.logged_model import DIGEST_TAG
from tests.plugins import install
from tests.tracking.conftest import EXAMPLE


class Killed(BaseException):
    pass


@pytest.mark.parametrize(
    "step",
    [
        "create_logged_model",
        "log_outputs",
        "log_model_artifacts",
        "finalize_logged_model",
        "create_registered_model",
        "create_model_version",
    ],
)
def test_a_model_is_registered_once_whenever_the_run_is_killed(
    step, runs_dir, begin, opened, saved_model, monkeypatch
):
    from mlflow.tracking import MlflowClient

    done = getattr(MlflowClient, step)

    def killed_after(*args, **kwargs):
        done(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed), begin(runs_dir) as tracker:
        patch.setattr(MlflowClient, step, killed_after)
        tracker.log_model(saved_model, EXAMPLE)
    with begin(runs_dir) as tracker:
        tracker.log_model(saved_model, EXAMPLE)
        tracker.log_model(saved_model, EXAMPLE)
    client, run = opened(runs_dir)
    (logged,) = client.search_logged_models([run.info.experiment_id])
    assert logged.status == "READY"
    (version,) = client.search_model_versions("name = 'tiny'")
    assert version.run_id == run.info.run_id
    assert version.source == f"models:/{logged.model_id}"
    assert [output.model_id for output in run.outputs.model_outputs] == [logged.model_id]
    assert version.tags[DIGEST_TAG] == logged.tags[DIGEST_TAG] == models.digest(saved_model)
    assert list((runs_dir / "mlartifacts").rglob("saved_model.pb"))


def test_another_model_is_another_version(runs_dir, begin, opened, saved_model):
    with begin(runs_dir) as tracker:
        tracker.log_model(saved_model, EXAMPLE)
        (saved_model / "saved_model.pb").write_bytes(b"trained on")
        tracker.log_model(saved_model, EXAMPLE)
    client, _ = opened(runs_dir)
    assert len(client.search_model_versions("name = 'tiny'")) == 2


def test_models_carry_the_metrics_of_their_weights(runs_dir, begin, opened, saved_model, tmp_path):
    """MLflow's own search ranks them; the run's curves have no point twice."""
    weights = tmp_path / "retriever.keras"
    weights.write_bytes(b"weights")
    for _ in range(2):  # the second process finds everything there
        with begin(runs_dir) as tracker:
            tracker.log_dataset("log", "f00d", runs_dir, {"users": 3})
            for epoch, value in enumerate((0.1, 0.4, 0.3), start=1):
                tracker.log_metrics({"epoch": {"ndcg@10": value}}, step=epoch)
            tracker.log_checkpoint(weights, 2, measured=True)
            tracker.log_metrics({"test": {"ndcg@10": {"value": 0.25, "low": 0.2, "high": 0.3}}})
            tracker.log_model(saved_model, EXAMPLE)
    client, run = opened(runs_dir)
    assert [m.value for m in client.get_metric_history(run.info.run_id, "test/ndcg_at_10")] == [
        0.25
    ]
    assert len(client.get_metric_history(run.info.run_id, "epoch/ndcg_at_10")) == 3

    def ranked(metric):
        found = client.search_logged_models(
            [run.info.experiment_id], order_by=[{"field_name": f"metrics.{metric}"}]
        )
        assert len(found) == 2
        return found[0]

    kept, exported = ranked("epoch/ndcg_at_10"), ranked("test/ndcg_at_10")
    assert (kept.name, kept.params["epoch"], exported.name) == ("checkpoint", "2", "model")
    for model, metric, value, step in (
        (kept, "epoch/ndcg_at_10", 0.4, 2),
        (exported, "test/ndcg_at_10", 0.25, 0),
    ):
        (found,) = model.metrics
        assert (found.key, found.value, found.step) == (metric, value, step)
        assert (found.dataset_name, found.dataset_digest) == ("log", "f00d")
    (given,) = run.inputs.dataset_inputs
    assert json.loads(given.dataset.profile) == {"users": 3}
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]


@pytest.mark.parametrize("step", ["create_logged_model", "log_outputs", "finalize_logged_model"])
def test_a_checkpoint_is_one_model_whenever_the_run_is_killed(
    step, runs_dir, begin, opened, tmp_path, monkeypatch
):
    from mlflow.tracking import MlflowClient

    done = getattr(MlflowClient, step)

    def killed_after(*args, **kwargs):
        done(*args, **kwargs)
        raise Killed

    (tmp_path / "retriever.keras").write_bytes(b"weights")
    with monkeypatch.context() as patch, pytest.raises(Killed), begin(runs_dir) as tracker:
        patch.setattr(MlflowClient, step, killed_after)
        tracker.log_checkpoint(tmp_path / "retriever.keras", 1, measured=False)
    with begin(runs_dir) as tracker:
        tracker.log_checkpoint(tmp_path / "retriever.keras", 1, measured=False)
    client, run = opened(runs_dir)
    (logged,) = client.search_logged_models([run.info.experiment_id])
    assert logged.status == "READY"
    assert [output.model_id for output in run.outputs.model_outputs] == [logged.model_id]


def test_a_second_fit_is_not_what_was_measured(runs_dir, begin, opened, tmp_path):
    (tmp_path / "retriever.keras").write_bytes(b"weights")
    with begin(runs_dir) as tracker:
        tracker.log_metrics({"epoch": {"ndcg@10": 0.5}}, step=1)
        tracker.log_checkpoint(tmp_path / "retriever.keras", 1, measured=False)
    client, run = opened(runs_dir)
    (kept,) = client.search_logged_models([run.info.experiment_id])
    assert not kept.metrics


def test_a_version_says_what_it_is(runs_dir, begin, opened, saved_model):
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    there = "tensorflow" in sys.modules
    with begin(runs_dir) as tracker:
        tracker.log_dataset("log", "f00d", runs_dir)
        tracker.log_metrics({"test": {"ndcg@10": {"value": 0.25, "low": 0.2, "high": 0.3}}})
        tracker.log_metrics({"validation": {"ndcg@10": 0.5}})
        tracker.flush()
        tracker.log_model(saved_model, EXAMPLE)
    assert ("tensorflow" in sys.modules) == there
    client, _ = opened(runs_dir)
    (version,) = client.search_model_versions("name = 'tiny'")
    assert version.description == (
        "Run tiny of the MLflow experiment recsys. Data: f00d. "
        "On the test part: ndcg_at_10 0.25 (0.2 to 0.3)."
    )
    assert version.tags.items() >= {"seed": "42", "data_fingerprint": "f00d"}.items()
    registered = client.get_registered_model("tiny")
    assert "a version for each run" in registered.description
    assert registered.tags == {"task": "recommendation"}
    with store.active_store(store.local_uri(runs_dir)):
        path = download_artifacts("models:/tiny/1")
    example = Model.load(path).load_input_example(path)
    assert example.to_dict("list") == EXAMPLE


@pytest.mark.parametrize(
    "values",
    [
        {"history": [[]], "history_time": [[]], "user_id": [""], "age": [float("nan")]},
        {"history": [["a"]], "taste": [[0.0, 0.5]]},
    ],
)
def test_examples_with_missing_values(values, runs_dir, begin, opened, saved_model, caplog):
    with begin(runs_dir) as tracker:
        tracker.log_model(saved_model, values)
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    client, _ = opened(runs_dir)
    assert len(client.search_model_versions("name = 'tiny'")) == 1


def test_a_kind_that_a_package_adds_is_found_by_its_folder(tmp_path, monkeypatch):
    install(monkeypatch, models.KINDS, letters="tests.tracking.test_models:Letters")
    (tmp_path / "letter.txt").touch()
    try:
        assert models.kind_of(tmp_path) is Letters
        (tmp_path / "saved_model.pb").touch()
        assert models.kind_of(tmp_path) is saved_model_kind
    finally:
        plugins.cache_clear()


class Letters:
    @staticmethod
    def holds(folder):
        return (folder / "letter.txt").is_file()
