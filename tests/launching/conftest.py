"""An experiment to launch, and stand-ins for the programs that launch it."""

import os
from pathlib import Path

import pytest
import yaml

from recsys.launching.work import Work
from tests.finished_runs import EXPERIMENT

# Writes down each call, as does every stand-in.
CALLED = '#!/bin/bash\necho "$(basename "$0") $*" >>"{folder}/calls.txt"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with the experiment and a folder of programs."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "my shop.yaml").write_text(yaml.safe_dump(EXPERIMENT | {"name": "shop"}))
    monkeypatch.chdir(tmp_path)
    # Nothing that this machine has may be launched.
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    for program in ("docker", "kubectl", "nvidia-smi", "sbatch", "scancel", "squeue"):
        stand_in(tmp_path, program, "exit 99")
    return tmp_path


@pytest.fixture
def mounted(folder):
    """The working directory, where the log lies as a container has it."""
    file = folder / "my shop.yaml"
    file.write_text(file.read_text().replace("path: log.csv", "path: data/log.csv"))
    return folder


def stand_in(folder: Path, program: str, body: str) -> Path:
    """Makes a program of bash; it runs in a folder of its own choice, so paths are absolute."""
    path = folder / "bin" / program
    path.write_text(CALLED.format(folder=folder) + body)
    path.chmod(0o755)
    return path


def calls(folder: Path) -> list[str]:
    """What was called, in order."""
    file = folder / "calls.txt"
    return file.read_text().splitlines() if file.exists() else []


def shop(*overrides: str, name: str | None = None) -> Work:
    """The work of the experiment in the working directory."""
    return Work.of(Path("my shop.yaml"), overrides, name, Path("runs"))


@pytest.fixture
def own_devices(monkeypatch):
    """No choice of devices is inherited."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
