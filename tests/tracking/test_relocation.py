import shutil
import sqlite3
import threading
from contextlib import closing

import pytest

from recsys.errors import InputError
from recsys.tracking import store
from recsys.tracking.relocation import ADDRESSES, adopt
from tests.tracking.conftest import EXAMPLE


@pytest.fixture
def with_model(runs_dir, begin, saved_model, tmp_path):
    """A runs folder with a finished run that has an artefact and a registered model."""
    (tmp_path / "report.html").write_text("first")
    with begin(runs_dir) as tracker:
        tracker.log_artifact(tmp_path / "report.html")
        tracker.log_model(saved_model, EXAMPLE)
    return runs_dir


def addresses(runs):
    with closing(sqlite3.connect(runs / "mlflow.db")) as con:
        return [
            value
            for table, column in ADDRESSES
            for (value,) in con.execute(f"SELECT {column} FROM {table}")
            if value
        ]


def files(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.*")}


def continue_run(runs, begin, opened, tmp_path):
    """What a later process finds and adds; in this one, MLflow would remember addresses."""
    from mlflow.artifacts import download_artifacts
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()
    (tmp_path / "metrics.json").write_text("{}")
    with begin(runs) as tracker:
        tracker.log_artifact(tmp_path / "metrics.json")
    client, run = opened(runs)
    found = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert found == {"experiment.yaml", "report.html", "metrics.json"}
    with store.active_store(store.local_uri(runs)):
        model = download_artifacts("models:/tiny/1", dst_path=str(tmp_path / "loaded"))
    assert (tmp_path / "loaded/artifacts/1/saved_model.pb").read_bytes() == b"weights", model


def test_a_moved_folder_keeps_its_artefacts(with_model, begin, opened, tmp_path):
    before = len(addresses(with_model))
    moved = tmp_path / "else where"
    shutil.move(with_model, moved)
    continue_run(moved, begin, opened, tmp_path)
    assert not with_model.exists()
    kept = addresses(moved)
    assert len(kept) == before and not [each for each in kept if "my%20runs" in each]


def test_a_copy_does_not_touch_the_original(with_model, begin, opened, tmp_path):
    before = files(with_model)
    copy = tmp_path / "copy"
    shutil.copytree(with_model, copy)
    continue_run(copy, begin, opened, tmp_path)
    assert files(with_model) == before
    assert list((copy / "mlartifacts").rglob("metrics.json"))


def test_a_store_without_its_artefacts_says_so(with_model, begin, caplog, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(with_model / "mlflow.db", copy)
    store.open_local(copy)
    assert f"copy {with_model / 'mlartifacts'} to {copy / 'mlartifacts'}" in caplog.text


def test_addresses_elsewhere_are_kept(runs_dir):
    root = store.artifact_location(runs_dir)
    kept = ["s3://bucket/mlartifacts", f"{root}-old", "file:///elsewhere/mlartifacts"]
    adopt(runs_dir / "mlflow.db", root)
    with closing(sqlite3.connect(runs_dir / "mlflow.db")) as con, con:
        for number, address in enumerate([*kept, f"{root}/own"], start=5):
            con.execute(
                "INSERT INTO experiments (experiment_id, name, artifact_location, "
                "lifecycle_stage, workspace) VALUES (?, ?, ?, 'active', 'default')",
                (number, address, address),
            )
    adopt(runs_dir / "mlflow.db", "file:///new/mlartifacts")
    new = ["file:///new/mlartifacts", *kept, "file:///new/mlartifacts/own"]
    assert [each for each in addresses(runs_dir) if "lartifacts" in each] == new


def test_processes_that_open_a_moved_store_together(with_model, tmp_path):
    moved = tmp_path / "moved"
    shutil.move(with_model, moved)
    threads = [threading.Thread(target=store.open_local, args=[moved]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    root = store.artifact_location(moved)
    assert all(each.startswith((root, "models:/")) for each in addresses(moved))


def test_the_experiment_of_every_store_keeps_its_artefacts_there(runs_dir, begin, opened):
    with begin(runs_dir, experiment="Default"):
        pass
    _, run = opened(runs_dir)
    assert run.info.experiment_id == "0"
    assert run.info.artifact_uri.startswith(store.artifact_location(runs_dir))


@pytest.mark.parametrize("content", [b"this is no database, it only says so", b""])
def test_a_damaged_store_is_bad_input(runs_dir, begin, content):
    (runs_dir / "mlflow.db").write_bytes(content)
    with pytest.raises(InputError, match=r"mlflow\.db cannot be opened: .*Restore a copy"):
        begin(runs_dir)


def test_a_deleted_experiment_says_how_to_have_it_back(runs_dir, begin, opened):
    with begin(runs_dir):
        pass
    client, run = opened(runs_dir)
    client.delete_experiment(run.info.experiment_id)
    said = r"'recsys' was deleted.*MLFLOW_TRACKING_URI='sqlite:.*mlflow\.db' mlflow experiments "
    with pytest.raises(InputError, match=said + "restore --experiment-id 1;.*tracking.experiment"):
        begin(runs_dir)
    with begin(runs_dir, experiment="another"):
        pass
    client.restore_experiment(run.info.experiment_id)
    with begin(runs_dir):
        pass
