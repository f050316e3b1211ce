"""A local store, a run in it, and a folder that stands for an exported model."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recsys import tracking
from recsys.tracking import record, store

EXAMPLE = {"history": [["a", "b"]], "history_time": [[5, 6]], "user_id": ["u"], "age": [31.5]}


@pytest.fixture
def runs_dir(tmp_path: Path, empty_store: Path) -> Path:
    """With a store that nobody has opened yet; its name needs quoting in an address."""
    folder = tmp_path / "my runs"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    """MLflow only copies it."""
    folder = tmp_path / "exported" / "1"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"weights")
    return folder


@pytest.fixture
def begin() -> Callable[..., Any]:
    """Begins or continues the run ``tiny/42`` of a runs folder."""

    def start(runs: Path, experiment: str = "recsys") -> Any:
        config = tracking.TrackingConfig(system_metrics_interval=0, experiment=experiment)
        return tracking.start(
            config, runs / "tiny" / "42", runs, "tiny", {"task": "recommendation"}, {"seed": "42"}
        )

    return start


@pytest.fixture
def opened() -> Callable[[Path], Any]:
    """MLflow's own client, and the run, of a runs folder."""

    def open_store(runs: Path) -> Any:
        from mlflow.tracking import MlflowClient

        uri = store.local_uri(runs)
        client = MlflowClient(uri, registry_uri=uri)
        return client, client.get_run(record.read(runs / "tiny" / "42")[record.LOCAL])

    return open_store


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
