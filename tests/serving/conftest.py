"""A model whose titles are hostile, exported once, and a server of it in a process of its own."""

import contextlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from recsys.serving.metrics import Metrics
from recsys.serving.source import VersionFolder
from recsys.serving.versions import Versions
from tests.export.conftest import (
    EVENTFUL,
    EXPORT_ALL,
    ITEMS,
    make_request,
    make_retriever,
    write_dataset,
)
from tests.processes import REPOSITORY, run_python

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>Brûlée</b> & co"
TITLES = dict(zip(ITEMS, ITEMS, strict=True)) | {"apple": "An apple", "crème brûlée": HOSTILE}
PICTURED = "hazel"
TOKEN = "0123456789abcdef" * 2
NAME = "tiny"
START_SECONDS = 120


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of versions, each with the version 1: ``lstm``, and one that reads events."""
    root = tmp_path_factory.mktemp("served")
    dataset = write_dataset(root / "dataset")
    table = pa.table({"item_id": ITEMS, "title": [TITLES[item] for item in ITEMS]})
    pyarrow.parquet.write_table(table, dataset.path / "items.parquet")
    dataset.manifest.write(dataset.path)
    kinds = {
        "lstm": (make_retriever({"encoder": {"kind": "lstm", "units": 6}}), 20),
        "eventful": (make_retriever(EVENTFUL), 3),
    }
    files = []
    for name, (retriever, k) in kinds.items():
        request = make_request(root / name, retriever, dataset, "exclude", k)
        (root / f"{name}.json").write_text(request.model_dump_json())
        files.append(str(root / f"{name}.json"))
    done = run_python("export", "-c", EXPORT_ALL, *files)
    assert done.returncode == 0, done.stderr[-3000:]
    found = {name: root / name / "model" for name in kinds}
    for file in files:
        assert "error" not in (reply := Path(f"{file}.reply").read_text()), reply
    return found


@pytest.fixture
def folder(models: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the versions of ``lstm``, to be changed."""
    return Path(shutil.copytree(models["lstm"], tmp_path / "model"))


@pytest.fixture(scope="session")
def versions(models: dict[str, Path]) -> Versions:
    return Versions(VersionFolder(models["lstm"]), {"stable": "1"}, Metrics())


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        process: its own.
        url: where it listens.
        log: what it says.
    """

    process: subprocess.Popen
    url: str
    log: Path

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """The line of the log with a text."""
        return wait_for(self.log, self.process, text, seconds)


def wait_for(log: Path, process: subprocess.Popen, text: str, seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := [line for line in log.read_text().splitlines() if text in line]:
            return found[-1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"no {text!r} in:\n{log.read_text()}")


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """A context manager that starts `recsys serve`, with options and environment variables."""

    @contextlib.contextmanager
    def started(*arguments: str, **environment: str) -> Iterator[Server]:
        log = tmp_path_factory.mktemp("log") / "stderr"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "recsys.cli", "serve", *arguments, "--port", "0"],
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
                stdout=stderr,
                stderr=stderr,
            )
            try:
                line = wait_for(log, process, " listening ", START_SECONDS)
                yield Server(process, re.search(r"url=(\S+)", line)[1], log)
            finally:
                process.kill()
                process.wait()

    return started


@pytest.fixture(scope="session")
def items(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A table of items, with the address of a picture that another server has."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.new("RGB", (40, 30), "#1d4e89").save(folder / "blue.png")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{serving.server_port}/blue.png"
        table = folder / "items.csv"
        table.write_text(f"item_id,image\n{PICTURED},{address}\napple,javascript:alert(1)\n")
        yield table
        serving.shutdown()


@pytest.fixture(scope="session")
def server(models: dict[str, Path], items: Path, start: Callable) -> Iterator[Server]:
    pictures = ["--items", str(items), "--picture", "image"]
    with start(str(models["lstm"]), *pictures, RECSYS_KEY_SERVE=TOKEN) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as opened:
        yield opened
