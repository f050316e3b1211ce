"""Addresses of stores, and whether a server answers."""

import time

from recsys.tracking import record, store


def test_public_uri_hides_the_password():
    assert store.public_uri("https://me:pw@host:5000/mlflow") == "https://host:5000/mlflow"
    assert store.public_uri("postgresql://me:pw@db/mlflow?password=pw") == (
        "postgresql://db/mlflow?password=***"
    )


def test_the_command_for_the_page_shows_no_password(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:pw@db/mlflow")
    said = store.page_command(tmp_path, tmp_path / "run")
    assert said.endswith(' ui --backend-store-uri "$MLFLOW_TRACKING_URI"') and "pw" not in said
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////runs/mlflow.db")
    assert store.page_command(tmp_path, tmp_path / "run").endswith(
        " ui --backend-store-uri sqlite:////runs/mlflow.db"
    )


def test_the_probe_gives_up_in_time(silent_port, monkeypatch):
    monkeypatch.setattr(store, "PROBE_SECONDS", 0.3)
    began = time.monotonic()
    assert not store.answers(f"http://127.0.0.1:{silent_port}")
    assert time.monotonic() - began < 30  # whatever else the machine does


def test_the_page_is_that_of_the_store_that_holds_the_run(tmp_path, monkeypatch):
    run, server = tmp_path / "run", "http://127.0.0.1:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert store.page_command(tmp_path, run) == server
    record.remember(run, server, "begun")
    assert store.page_command(tmp_path, run) == f"{server}/#/runs/begun"
    record.remember(run, record.LOCAL, "gone on")  # the server fell silent
    assert store.page_command(tmp_path, run).endswith(f"sqlite:///{tmp_path}/mlflow.db")
    record.remember(run, server, "uploaded")
    assert store.page_command(tmp_path, run) == f"{server}/#/runs/uploaded"
