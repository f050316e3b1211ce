"""A working directory with a log and a run, made once by the example of the package."""

import contextlib
import doctest
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import recsys
from tests.logs import write_log
from tests.processes import exports_by_fork

EXPERIMENT = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
    },
    "training": {"epochs": 3},
    "export": {"timed_queries": 0},
    "tracking": {"enabled": False},
}


def run_examples(found: Any, name: str, names: dict[str, Any]) -> None:
    """Runs the examples of a docstring; what they make comes to be among the names."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in doctest.DocTestFinder(recurse=False).find(found, name, globs=names):
        test.globs = names
        runner.run(test, out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)


@pytest.fixture(autouse=True, scope="module")
def fast_exports() -> Iterator[None]:
    with exports_by_fork():
        yield


@pytest.fixture(scope="session")
def work(tmp_path_factory, empty_store) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    write_log(folder)
    (folder / "circle.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    return folder


@pytest.fixture(scope="session")
def names(work) -> dict[str, Any]:
    """What the example of the package leaves behind: ``recsys``, ``data`` and ``run``."""
    found: dict[str, Any] = {}
    with contextlib.chdir(work), exports_by_fork():
        run_examples(recsys, "recsys", found)
    return found


@pytest.fixture
def run(work, names) -> Iterator[recsys.Run]:
    """The run, in its working directory."""
    with contextlib.chdir(work):
        yield names["run"]


@pytest.fixture
def data(run, names) -> recsys.Dataset:
    return names["data"]
