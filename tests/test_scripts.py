"""The launchers, with stand-ins for the programs that they start."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
LAUNCHERS = {
    "train_gpu.sh": ["--gpus", "0,1", "--seeds", "1,2,3"],
    "train_docker.sh": [],
    "train_slurm.sbatch": [],
}
# Writes down each call; seed 2 fails, seed 9 trains until it is ended.
RECSYS = """#!/usr/bin/env bash
echo "$KERAS_BACKEND ${CUDA_VISIBLE_DEVICES-} $*" >>calls.txt
case "$*" in
  *"[2]"*) exit 1 ;;
  *"[9]"*) trap 'echo ended >>calls.txt; exit 143' TERM; sleep 60 & wait ;;
esac
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bin").mkdir()
    recsys = tmp_path / "bin" / "recsys"
    recsys.write_text(RECSYS)
    recsys.chmod(0o755)
    (tmp_path / "my lstm.yaml").write_text("name: lstm\n")
    return tmp_path


def environment(folder, **variables):
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return kept | {"PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"} | variables


def launch(folder, script, *arguments, **variables):
    return subprocess.run(
        ["bash", SCRIPTS / script, *arguments],
        **{"cwd": folder, "env": environment(folder, **variables), "timeout": 120},
        capture_output=True,
        text=True,
    )


def calls(folder):
    return sorted((folder / "calls.txt").read_text().splitlines())


@pytest.mark.parametrize("script", LAUNCHERS)
def test_a_dry_run_prints_and_does_nothing(folder, script):
    before = sorted(folder.iterdir())
    done = launch(folder, script, "--dry-run", *LAUNCHERS[script], "my lstm.yaml", "model.dim=8")
    assert done.returncode == 0, done.stderr
    commands = [shlex.split(line) for line in done.stdout.splitlines()]
    assert any("run" in command and command[-1] == "model.dim=8" for command in commands)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("script", LAUNCHERS)
def test_a_missing_experiment_is_refused(folder, script):
    for arguments in ([], ["none.yaml"]):
        done = launch(folder, script, *LAUNCHERS[script], *arguments)
        assert done.returncode == 2
        assert "experiment" in done.stderr
    assert not (folder / "calls.txt").exists()


def test_gpus_share_the_seeds_and_a_failure_is_reported(folder):
    done = launch(folder, "train_gpu.sh", *LAUNCHERS["train_gpu.sh"], "my lstm.yaml")
    assert done.returncode == 1
    assert "seed 2 failed: logs/my lstm-2.log" in done.stderr
    assert calls(folder) == [
        "jax  doctor --require-gpu",
        "jax  prepare my lstm.yaml",
        "jax 0 run my lstm.yaml training.seeds=[1]",
        "jax 0 run my lstm.yaml training.seeds=[3]",
        "jax 1 run my lstm.yaml training.seeds=[2]",
    ]


def test_ending_the_launcher_ends_the_trainings(folder):
    launcher = subprocess.Popen(
        ["bash", SCRIPTS / "train_gpu.sh", "--gpus", "0", "--seeds", "9,1", "my lstm.yaml"],
        **{"cwd": folder, "env": environment(folder), "stdout": subprocess.DEVNULL},
    )
    deadline = time.monotonic() + 20
    while "[9]" not in "".join(calls(folder) if (folder / "calls.txt").exists() else []):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(20) == 143
    assert calls(folder)[0] == "ended"
    assert not any("[1]" in call for call in calls(folder))


def test_a_task_of_a_slurm_array_trains_its_seed(folder):
    done = launch(folder, "train_slurm.sbatch", "my lstm.yaml", SLURM_ARRAY_TASK_ID="3")
    assert done.returncode == 0, done.stderr
    assert "jax  run my lstm.yaml training.seeds=[3]" in calls(folder)


def test_docker_mounts_the_experiment_and_the_results(folder):
    done = launch(folder, "train_docker.sh", "--dry-run", "--backend", "tensorflow", "my lstm.yaml")
    build, _, run = [shlex.split(line) for line in done.stdout.splitlines()]
    assert build[build.index("--target") + 1] == "tensorflow"
    assert f"{folder}/runs:/app/runs" in run
    assert f"{folder}/my lstm.yaml:/app/experiments/my lstm.yaml:ro" in run
    assert run[-3:] == ["recsys:tensorflow", "run", "experiments/my lstm.yaml"]


def test_a_container_runs_what_it_is_told(folder):
    done = launch(folder, "docker_start.sh", "run", "x.yaml", KERAS_BACKEND="jax")
    assert done.returncode == 0
    assert (folder / "calls.txt").read_text().splitlines() == [
        "jax  doctor --require-gpu",
        "jax  run x.yaml",
    ]


def test_a_container_does_not_start_without_a_gpu(folder):
    program = "from recsys.cli import main; main()"
    (folder / "bin" / "recsys").write_text(
        f'#!/bin/sh\ntouch "$1.called"\n'
        f"PYTHONPATH={SCRIPTS.parent} exec {sys.executable} -c '{program}' \"$@\"\n"
    )
    variables = {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    done = launch(folder, "docker_start.sh", "run", "x.yaml", **variables)
    assert done.returncode == 1, done.stderr
    assert "no GPU is visible" in done.stdout
    assert [file.name for file in folder.glob("*.called")] == ["doctor.called"]


def test_shellcheck_is_content():
    scripts = [SCRIPTS / name for name in (*LAUNCHERS, "docker_start.sh")]
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
