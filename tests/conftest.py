"""Keeps the libraries quiet, off the network and off the user's settings; slow tests first."""

import atexit
import gc
import gzip
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import OWNER, SHARED

# A shell's background job and nohup have them ignored, and whatever is started inherits that.
if threading.current_thread() is threading.main_thread():
    for ignored, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(ignored) is signal.SIG_IGN:
            signal.signal(ignored, usual)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
# As many workers as cores: further threads would only wait for one another, busily.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests compile much and run little of it. Those that are about the machine code set "" again.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)
if SHARED not in os.environ:
    # Of this session: its workers and the processes that tests start inherit the name.
    shared = Path(tempfile.mkdtemp(prefix="tests-"))
    atexit.register(shutil.rmtree, shared, ignore_errors=True)
    (shared / OWNER).write_text(str(os.getpid()))
    os.environ[SHARED] = str(shared)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(shared / "jax-compiled")
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.pop("MLFLOW_TRACKING_URI", None)

# Folders whose ``conftest.py`` exports models that most of their modules use.
MADE_ONCE = ("tests/api", "tests/export", "tests/faults", "tests/marketing", "tests/serving")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults", type=int, default=8, help="kills of a run, and ten flipped bytes for each"
    )
    parser.addoption("--nightly", action="store_true", help="the tests that are marked so, too")


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests are imported, whose examples it sets."""
    if config.getoption("nightly"):
        from tests.generated import NIGHTLY

        os.environ.setdefault("GENERATED", str(NIGHTLY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker gets a whole module, or a whole folder of those that make a lot once for all."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            folder = next((each for each in MADE_ONCE if f"{each}/" in module), None)
            return folder or module

    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow modules first, so that two workers end at about the same time."""
    if not config.getoption("nightly"):
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What was imported and collected lives to the end: it is not searched for garbage again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="module", autouse=True)
def _backend_not_chosen() -> Iterator[None]:
    """No module leaves a backend chosen for those that come after it in its worker."""
    before = os.environ.get("KERAS_BACKEND")
    yield
    assert os.environ.get("KERAS_BACKEND") == before


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite store of MLflow: making its tables takes seconds, copying it none."""
    from recsys.tracking import store

    store.prepare_environment()
    from mlflow.tracking import MlflowClient

    file = tmp_path_factory.mktemp("template") / "mlflow.db"
    assert MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(autouse=True)
def no_store_left_behind() -> Iterator[None]:
    """``mlflow.set_tracking_uri`` writes the environment, which later tests would then read."""
    yield
    if address := os.environ.pop("MLFLOW_TRACKING_URI", None):
        pytest.fail(f"this test left MLFLOW_TRACKING_URI set, to {address}")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file by its name: text, bytes, or rows for JSON lines; gzip by the ending."""

    def write_file(name: str, content: str | bytes | list[dict[str, Any]]) -> Path:
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        if isinstance(content, str):
            content = content.encode()
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file
