"""Ctrl-C, SIGTERM and SIGHUP: soon, in order, and nothing is lost."""

import json
import signal

import pytest

from tests.faults.results import trained
from tests.faults.victim import STAGES

pytestmark = pytest.mark.slow
UNTRACKED = "tracking.enabled=false"


def test_a_command_that_is_stopped_ends_soon_and_goes_on(undisturbed, fresh):
    whole, operations = undisturbed()
    work = fresh()
    third = operations["train"] // 3
    for number, stage, operation in (
        (signal.SIGINT, "prepare", 5),
        (signal.SIGTERM, "train", third),
        (signal.SIGHUP, "train", third),
    ):
        fault = {"signal": number, "stage": STAGES.index(stage), "operation": operation}
        done = work.recsys(fault, "train", UNTRACKED)
        assert done.returncode == 128 + number, done.stderr[-3000:]
        assert done.stderr.splitlines()[-1] == "stopped; the same command continues"
        assert json.loads(done.stdout.splitlines()[-1])["seconds"] < 10
    work.ends("train", UNTRACKED)
    assert trained(work) == trained(whole)
