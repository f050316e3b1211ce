"""Several processes train as one does, and end as one, whatever happens to one of them."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recsys.training.checkpoint_folder import places
from tests.datasets import checkerboard
from tests.processes import REPOSITORY, run_python

pytestmark = pytest.mark.slow
# Negatives are drawn; items and users have tables of their own; masks of dropout.
TRAINING = {
    "epochs": 3,
    "batch_size": 8,
    "steps_per_dispatch": 2,
    "checkpoint_seconds": 0,
    "average_decay": 0.5,
    "optimizer": {"learning_rate": 0.02, "weight_decay": 0.01, "warmup_steps": 3},
}
SETTINGS = {"query": "two-tower", "loss": "mixed", "training": TRAINING}
ATTENTION = {"query": "attention", "loss": "cross_entropy", "training": TRAINING}
# Sums over two shares round otherwise than sums over the whole.
TOLERANCE = 2e-4


def together(
    folder: Path, *runs: dict, count: int = 2, **environment: str
) -> list[subprocess.CompletedProcess]:
    """What each of several processes comes to, by number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def one(number: int) -> subprocess.CompletedProcess:
        return run_python(
            *("jax", "-m", "tests.training.worker", str(folder), json.dumps(runs)),
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES=str(count),
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
            **environment,
        )

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def found(done: subprocess.CompletedProcess) -> list[dict]:
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def alone(folder: Path, *runs: dict) -> list[dict]:
    """What one process comes to."""
    return found(run_python("jax", "-m", "tests.training.worker", str(folder), json.dumps(runs)))


def assert_equal(one: dict, other: dict) -> None:
    for name in ("losses", "vectors"):
        np.testing.assert_allclose(one[name], other[name], rtol=TOLERANCE, err_msg=name)
    assert one["validation"] == other["validation"] and one["hits"] == other["hits"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("processes")
    checkerboard(path / "dataset", users=40, items=16)
    return path


@pytest.fixture(scope="module")
def whole(folder):
    """What one process comes to."""
    return alone(folder, SETTINGS | {"checkpoints": "alone"})[0]


def test_two_processes_train_as_one_does(folder, whole):
    """Negatives, means and unique rows are those of the whole batch."""
    (first,), (second,) = map(found, together(folder, SETTINGS | {"checkpoints": "two"}))
    assert (first["processes"], first["devices"], whole["processes"]) == (2, 2, 1)
    assert_equal(first, whole)
    # To the bit: each has what all have added up.
    assert {**first, "parts": second["parts"]} == second
    # One wrote.
    assert len(list((folder / "two").glob("epoch-*"))) == 2


@pytest.mark.nightly
def test_packed_sequences_are_shared_out_too(folder):
    (first,), _ = map(found, together(folder, ATTENTION | {"checkpoints": "packed"}))
    (one,) = alone(folder, ATTENTION | {"checkpoints": "packed-alone"})
    assert_equal(first, one)


def test_one_that_is_killed_ends_both_and_another_number_goes_on(folder, whole):
    settings = SETTINGS | {"checkpoints": "killed"}
    first, second = together(folder, settings | {"kill_at": [1, 2], "process": 1})
    assert second.returncode == -signal.SIGKILL
    assert first.returncode == 1, first.stderr[-3000:]
    assert re.fullmatch(
        r"process 1 \(.+, pid \d+\) has died: .+ The same command continues, .+",
        first.stderr.strip().splitlines()[-1],
    )
    assert "Traceback" not in first.stderr and "stack trace" not in first.stderr
    place, *_ = places(folder / "killed")
    assert (place.epoch, place.step) >= (1, 0)
    (resumed,) = alone(folder, settings)
    assert_equal(resumed, whole)


@pytest.mark.nightly
def test_the_first_that_is_killed_ends_both(folder):
    settings = SETTINGS | {"checkpoints": "first-killed", "kill_at": [1, 2], "process": 0}
    first, second = together(folder, settings)
    assert (first.returncode, second.returncode) == (-signal.SIGKILL, 1)
    assert "process 0" in second.stderr and "has died" in second.stderr
    assert "stack trace" not in second.stderr


@pytest.mark.nightly
@pytest.mark.parametrize("process", [0, 1])
def test_one_that_is_stopped_ends_the_other_in_time(folder, process):
    settings = {"checkpoints": f"stopped-{process}", "kill_at": [1, 2], "process": process}
    settings |= {"signal": signal.SIGSTOP}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.training.worker", str(folder)),
                json.dumps([SETTINGS | settings]),
            ],
            env={
                **os.environ,
                "KERAS_BACKEND": "jax",
                "PYTHONPATH": str(REPOSITORY),
                "RECSYS_PROCESS_TIMEOUT": "30",
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    stopped, other = processes[process], processes[1 - process]
    try:
        # The imports, the training, the time without a sign of life, and the grace.
        _, said = other.communicate(timeout=300)
        assert other.returncode == 1
        assert f"pid {stopped.pid}) has given no sign of life for 30 s" in said
    finally:
        with contextlib.suppress(ProcessLookupError):
            stopped.send_signal(signal.SIGKILL)
        stopped.communicate()


@pytest.mark.nightly
def test_more_processes_go_on_from_fewer(folder, whole):
    settings = SETTINGS | {"checkpoints": "grown"}
    killed = run_python(
        *("jax", "-m", "tests.training.worker", str(folder)),
        json.dumps([settings | {"kill_at": [1, 2]}]),
    )
    assert killed.returncode == -signal.SIGKILL
    resumed = [found(each) for each in together(folder, settings, count=3)]
    assert resumed[0][0]["devices"] == 3
    assert_equal(resumed[0][0], whole)


@pytest.mark.nightly
@pytest.mark.parametrize("process", [0, 1])
def test_a_signal_to_one_ends_all_with_a_checkpoint(folder, whole, process):
    settings = SETTINGS | {"checkpoints": f"signal-{process}"}
    fault = {"kill_at": [1, 2], "process": process, "signal": signal.SIGTERM}
    assert [each.returncode for each in together(folder, settings | fault)] == [143, 143]
    # A signal that is passed on finds the first process a little behind or ahead.
    assert places(folder / f"signal-{process}")[0] >= (1, 0, 1)
    (resumed,) = alone(folder, settings)
    assert_equal(resumed, whole)


@pytest.mark.nightly
def test_other_devices_are_refused(folder):
    several = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count="
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def one(number: int) -> subprocess.CompletedProcess:
        return run_python(
            *("jax", "-m", "tests.training.worker", str(folder), "[]"),
            XLA_FLAGS=f"{several}{1 + number}",
            KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
        )

    with ThreadPoolExecutor(2) as threads:
        first, _ = threads.map(one, range(2))
    assert "differs from process 0" in first.stderr and "devices ('2 x cpu'" in first.stderr
