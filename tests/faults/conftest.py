"""A run that nothing happened to, which others are compared with."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.logs import write_log
from tests.processes import OWN_EXPORTS, run_python

# The first one unless a test says otherwise: it finds what it compiled in earlier processes.
BACKENDS = ("jax", "tensorflow")
EXPERIMENT = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
    },
    "seen": "allow",
    "model": {
        "dim": 8,
        "max_events": 6,
        "query": {"encoder": {"kind": "average"}, "user_id": True, "hidden": [8]},
        "loss": {"kind": "sampled_softmax", "negatives": {"kind": "popularity", "count": 16}},
    },
    "training": {
        "epochs": 4,
        "batch_size": 8,
        "steps_per_dispatch": 1,
        "checkpoint_seconds": 0,  # as often as can be
        "crop": 0.3,
        "average_decay": 0.5,
        "optimizer": {"learning_rate": 0.02, "decay": "plateau", "plateau_epochs": 1},
    },
    "evaluation": {"bootstrap_samples": 100, "baselines": [{"kind": "popular"}]},
    "export": {"k": 3, "probes": 16, "warmup_requests": 2, "timed_queries": 0},
    "tracking": {"system_metrics_interval": 0},
}


@dataclass(frozen=True)
class Work:
    """A working directory with a log and an experiment.

    Attributes:
        path: the directory.
        backend: that trains.
    """

    path: Path
    backend: str

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def run(self) -> Path:
        return self.runs / "faulty" / "1"

    def recsys(self, fault: dict[str, Any], *arguments: str, **environment: str):
        """``recsys`` with the experiment, and something that happens to it."""
        command, *overrides = arguments
        return run_python(
            self.backend,
            *("-m", "tests.faults.victim", json.dumps(fault)),
            *(command, "faulty.yaml", *overrides),
            cwd=self.path,
            **{OWN_EXPORTS: "1"},
            **environment,
        )

    def ends(self, *arguments: str) -> dict[str, int]:
        """Runs to the end; the operations of each stage."""
        done = self.recsys({}, *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])["operations"]


@pytest.fixture(scope="session")
def fresh(tmp_path_factory, empty_store):
    """Makes working directories."""

    def make(backend: str = BACKENDS[0]) -> Work:
        path = tmp_path_factory.mktemp("work")
        write_log(path, users=30, items=12, events=12)
        (path / "faulty.yaml").write_text(yaml.safe_dump(EXPERIMENT))
        (path / "runs").mkdir()
        shutil.copy(empty_store, path / "runs" / "mlflow.db")
        return Work(path, backend)

    return make


@pytest.fixture(scope="session")
def undisturbed(fresh):
    """By backend, a finished run and its operations by stage."""
    made: dict[str, tuple[Work, dict[str, int]]] = {}

    def run(backend: str = BACKENDS[0]) -> tuple[Work, dict[str, int]]:
        if backend not in made:
            work = fresh(backend)
            made[backend] = work, work.ends("run")
        return made[backend]

    return run
