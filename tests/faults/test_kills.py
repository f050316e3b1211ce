"""SIGKILL at any moment: the same command, again and again, ends as if nothing had happened."""

import random

import pytest

from tests.faults.conftest import BACKENDS
from tests.faults.results import assert_tracked_once, assert_whole, results
from tests.faults.victim import STAGES

pytestmark = pytest.mark.slow
# A run is killed so often until it may end: once a stage, and once more wherever.
KILLS = 8
# Seconds from an operation to the kill, at most: also between two operations it may come.
DELAY = {"export": 4.0}
SHORT_DELAY = 0.05


def kills(operations: dict[str, int], seed: int, count: int) -> list[dict]:
    """When to kill, in the order of the stages."""
    generator = random.Random(seed)
    stages = [stage for stage in STAGES[1:-1] if operations.get(stage)]
    chosen = generator.sample(stages, min(count, len(stages)))
    chosen += generator.choices(stages, k=count - len(chosen))
    return [
        {
            "stage": STAGES.index(stage),
            "operation": generator.randint(1, operations[stage]),
            "delay": generator.choice([0.0, generator.uniform(0, DELAY.get(stage, SHORT_DELAY))]),
        }
        for stage in sorted(chosen, key=STAGES.index)
    ]


def test_a_killed_run_ends_as_one_that_was_not(request, undisturbed, fresh):
    wanted = request.config.getoption("--faults")
    done = 0
    for seed in range(-(-wanted // KILLS)):
        backend = BACKENDS[seed % len(BACKENDS)]
        whole, operations = undisturbed(backend)
        work = fresh(backend)
        for fault in kills(operations, seed, min(KILLS, wanted - done)):
            killed = work.recsys(fault, "run")
            assert killed.returncode == -9, (fault, killed.returncode, killed.stderr[-3000:])
            done += 1
        work.ends("run")
        assert results(work) == results(whole), f"{backend}, seed {seed}"
        assert_whole(work)
        assert_tracked_once(work)
    assert done == wanted


def test_what_is_compared_is_there(undisturbed):
    work, operations = undisturbed()
    assert_whole(work)
    assert_tracked_once(work)
    assert set(operations) >= set(STAGES[1:-1])
    assert results(work)["metrics"]["test"]["ndcg@10"]["value"] > 0
