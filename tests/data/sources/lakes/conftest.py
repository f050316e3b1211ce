"""A log as a table, and the same rows as a Parquet file."""

import contextlib
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BEGIN = datetime(2024, 1, 1, 12, tzinfo=UTC)
EVENTS = [("a", "x"), ("b", "x"), ("a", "y"), ("b", "z"), ("a", "z"), ("b", "y"), ("a", "w"),
          ("b", "w"), ("a", "x"), ("b", "x")]  # fmt: skip
SCHEMA = pa.schema(
    {
        "user": pa.string(),
        "item": pa.string(),
        "time": pa.timestamp("us", "UTC"),
        "month": pa.string(),
    }
)


def events(begin: int = 0, end: int | None = None) -> pa.Table:
    """Some of ten events, a month apart."""
    times = [BEGIN + timedelta(days=31 * number) for number in range(len(EVENTS))]
    columns = (*zip(*EVENTS, strict=True), times, [f"{time:%Y-%m}" for time in times])
    return pa.table([list(column) for column in columns], schema=SCHEMA)[begin:end]


def expected(table: pa.Table) -> dict[str, list[str]]:
    """The histories of rows in the order of their times."""
    found: dict[str, list[str]] = {}
    for user, item in zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True):
        found.setdefault(user, []).append(item)
    return found


@pytest.fixture
def credentials(monkeypatch):
    """What the providers of an object store find in the environment."""
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def s3(credentials, monkeypatch):
    """An object store with a bucket, in a process of its own: readers hold this one's lock."""
    pytest.importorskip("moto.server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ["-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, "-m", "moto.server", *place], **quiet)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("lake")
        yield
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def plain(tmp_path, prepared):
    """What is prepared of rows in a Parquet file: ``plain(table, …)``."""

    def prepare_plain(table, **settings):
        file = tmp_path / "plain" / "log.parquet"
        file.parent.mkdir(exist_ok=True)
        pq.write_table(table, file)
        return prepared(file, **settings)

    return prepare_plain
