"""Several seeds on this machine, with a stand-in for recsys."""

import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from recsys.errors import InputError
from recsys.launching import local
from recsys.launching.local import LocalConfig, visible_devices
from recsys.launching.outcome import Outcome, exit_status, report
from recsys.tracking import record
from tests.commands import recsys
from tests.finished_runs import write_finished_run
from tests.launching.conftest import calls, shop, stand_in
from tests.processes import REPOSITORY

# Seed 2 cannot be used, seed 3 is killed, seed 9 trains until it is ended.
RECSYS = """
echo "sees ${CUDA_VISIBLE_DEVICES-all}"
case "$*" in
  *"[2]"*) echo "error: there is no log" >&2; exit 2 ;;
  *"[3]"*) kill -KILL $$ ;;
  *"[9]"*) trap 'echo saved; exit 143' TERM; touch at_work; sleep 60 & wait ;;
esac
"""
# Launches as the command does, with the stand-in.
LAUNCH = """
import sys
from recsys.cli import entry
from recsys.errors import InputError
from recsys.launching import local

sys.argv = ["recsys", "launch", "local", "my shop.yaml", "training.seeds=[9, 8]", "--devices=none"]
local.launch.__defaults__ = (["recsys"],)
entry.main()
"""


@pytest.fixture
def program(folder, own_devices):
    stand_in(folder, "recsys", RECSYS)
    return ["recsys"]


def test_devices_share_the_seeds_and_one_that_fails_leaves_the_others_alone(folder, program):
    said = []
    stand_in(folder, "nvidia-smi", "echo 0; echo 1")
    config = LocalConfig(devices=["0", "1"])
    work = shop("training.seeds=[1, 2, 3, 4]")
    outcomes = local.launch(work, config, said.append, program)
    assert [(each.seed, each.state) for each in outcomes] == [
        *((1, "done"), (2, "failed (status 2)"), (3, "failed (status 137)"), (4, "done"))
    ]
    assert exit_status(outcomes) == 1 and exit_status(outcomes[:2]) == 2
    assert calls(folder)[1:3] == [
        *("recsys doctor --require-gpu", "recsys prepare my shop.yaml --runs-dir runs")
    ]
    assert "seed 2: failed (status 2): error: there is no log" in said
    logs = sorted((folder / "runs" / "shop").glob("*.log"))
    assert [log.name for log in logs] == ["1.log", "2.log", "3.log", "4.log"]
    assert {logs[0].read_text(), logs[1].read_text().splitlines()[0] + "\n"} == {
        *("sees 0\n", "sees 1\n")
    }
    assert stat.S_IMODE(logs[0].stat().st_mode) == 0o600


def test_without_a_gpu_the_cpu_is_shared(folder, program):
    local.launch(shop(), LocalConfig(), lambda line: None, program)
    assert calls(folder)[0] == "nvidia-smi --query-gpu=index --format=csv,noheader"
    assert not any("doctor" in call for call in calls(folder))
    assert (folder / "runs" / "shop" / "1.log").read_text() == "sees all\n"


def test_no_seed_begins_where_the_dataset_cannot_be_prepared(folder, own_devices):
    stand_in(folder, "recsys", "exit 2")
    with pytest.raises(SystemExit) as stopped:
        local.launch(shop(), LocalConfig(devices=[]), lambda line: None, ["recsys"])
    assert stopped.value.code == 2 and len(calls(folder)) == 1


def test_no_seed_begins_where_a_gpu_is_missing(folder, own_devices, capsys):
    stand_in(folder, "recsys", "echo jax devices: no GPU is visible; exit 1")
    named, ours = LocalConfig(devices=["0", "GPU-5"]), LocalConfig()
    with pytest.raises(InputError, match="devices: of 0, GPU-5 none can be used here"):
        local.launch(shop(), named, lambda line: None, ["recsys"])
    assert capsys.readouterr().err == "jax devices: no GPU is visible\n"
    stand_in(folder, "nvidia-smi", "echo 1; echo 2")
    with pytest.raises(InputError, match="has the GPUs 1, 2, and not 0"):
        local.launch(shop(), named, lambda line: None, ["recsys"])
    with pytest.raises(SystemExit) as stopped:
        local.launch(shop(), ours, lambda line: None, ["recsys"])
    assert stopped.value.code == 1 and calls(folder)[-1] == "recsys doctor --require-gpu"
    assert capsys.readouterr().err == "jax devices: no GPU is visible\n"


def test_gpus_are_those_that_are_visible(folder, own_devices, monkeypatch):
    stand_in(folder, "nvidia-smi", "echo 0; echo 1")
    assert visible_devices() == ["0", "1"]
    for asked, found in {"": [], "-1": [], "3,GPU-5": ["3", "GPU-5"]}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", asked)
        assert visible_devices() == found


def test_a_signal_ends_the_seeds_in_order(folder, program):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / "at_work").exists():
        assert launcher.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    launcher.send_signal(signal.SIGINT)
    _, said = launcher.communicate(timeout=60)
    assert launcher.returncode == 130
    assert said.endswith("stopped; the same command continues\n")
    assert (folder / "runs" / "shop" / "9.log").read_text() == "sees \nsaved\n"
    assert not (folder / "runs" / "shop" / "8.log").exists()


def test_the_report_names_the_mlflow_runs(folder, program):
    work = shop("training.seeds=[1, 2]")
    for seed in work.seeds:
        folder_of_run = write_finished_run(
            folder / "runs", folder / "my shop.yaml", seed, ndcg=seed / 20
        )
        record.remember(folder_of_run, "https://mlflow.example", f"id{seed}")
    outcomes = local.launch(work, LocalConfig(devices=[]), lambda line: None, program)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", "https://ann:hush@mlflow.example")
        told = report(work, outcomes)
    assert "runs/shop: 2 seeds" in told and "test ndcg@10" in told
    lines = told.splitlines()
    (first,) = [line for line in lines if line.startswith(" seed 1") or line.startswith("seed 1")]
    assert "0.0500 (0.0450 to 0.0550)" in first and "id1" in first
    (second,) = [line for line in lines if "id2" in line and "failed (status 2)" in line]
    assert "0.1000" not in second  # of an earlier time
    assert "MLflow page: https://mlflow.example/#/runs/id1" in lines
    assert "hush" not in told and "mean" not in told
    done = [Outcome(seed, "done", 0) for seed in work.seeds]
    # 0.05 and 0.1: 0.075, and to both sides t(0.975, 1) = 12.706 times 0.025.
    both = report(work, done)
    assert "0.0750 (-0.2427 to 0.3927)" in both and "runs/shop: 2 seeds" in both


def test_a_dry_run_prints_commands_and_starts_nothing(folder):
    asked = ["launch", "local", "my shop.yaml", "training.seeds=[1,2]", "--dry-run"]
    (folder / "runs" / "shop" / "1").mkdir(parents=True)
    status, printed, said = recsys(*asked, "--devices=0,1", "--overwrite")
    assert status == 0, said
    lines = printed.splitlines()
    assert lines[0] == "rm -r runs/shop/1" and lines[1].endswith("recsys doctor --require-gpu")
    assert lines[-1].startswith("env CUDA_VISIBLE_DEVICES=1 ")
    assert "'training.seeds=[2]'" in lines[-1]
    assert calls(folder) == [] and (folder / "runs" / "shop" / "1").is_dir()
    assert recsys("launch", "local", "none.yaml")[::2] == (
        *(2, "error: there is no experiment file none.yaml\n"),
    )


def test_processes_train_a_seed_together(folder, own_devices):
    """Each is told which it is, and shown a GPU of its own."""
    stand_in(folder, "nvidia-smi", "seq 0 4")
    stand_in(
        folder,
        "recsys",
        """
case "$*" in *doctor*|*prepare*) exit ;; esac
echo "$KERAS_DISTRIBUTION_PROCESS_ID of $KERAS_DISTRIBUTION_NUM_PROCESSES" \
  "on $CUDA_VISIBLE_DEVICES at ${KERAS_DISTRIBUTION_JOB_ADDRESSES%:*}"
case "$KERAS_DISTRIBUTION_PROCESS_ID$*" in 1*"[2]"*) kill -KILL $$ ;; 0*"[2]"*) exit 1 ;; esac
""",
    )
    config = LocalConfig(devices=["0", "1", "2", "3", "4"], processes=2)
    said = []
    outcomes = local.launch(shop("training.seeds=[1, 2]"), config, said.append, ["recsys"])
    assert [each.state for each in outcomes] == ["done", "failed (status 1)"]
    assert said[0] == "seed 1 on GPU 0,1: runs/shop/1.log"
    logs = [(folder / "runs" / "shop" / f"{seed}.log").read_text() for seed in (1, 2)]
    assert [sorted(log.splitlines()) for log in logs] == [
        ["0 of 2 on 0 at 127.0.0.1", "1 of 2 on 1 at 127.0.0.1"],
        ["0 of 2 on 2 at 127.0.0.1", "1 of 2 on 3 at 127.0.0.1"],
    ]


def test_processes_need_a_gpu_each_and_jax(folder, own_devices, monkeypatch):
    with pytest.raises(InputError, match="2 processes need a GPU each, and there are 1"):
        LocalConfig(devices=["0"], processes=2).places()
    assert LocalConfig(devices=[], processes=2).places() == [("", "")]
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    asked = ["launch", "local", "my shop.yaml", "--processes=2", "--devices=none", "--dry-run"]
    status, _, said = recsys(*asked)
    assert status == 2 and said.endswith("set KERAS_BACKEND=jax before the command\n")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    commands = recsys(*asked).stdout.splitlines()
    assert [line.partition(" KERAS")[0] for line in commands[-2:]] == [
        "env CUDA_VISIBLE_DEVICES="
    ] * 2
    monkeypatch.undo()
