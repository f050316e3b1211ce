"""Others at work in the same place, and a clock that jumps."""

import json

import pytest

from tests.faults.results import assert_tracked_once, assert_whole, results, trained
from tests.processes import run_python

pytestmark = pytest.mark.slow
UNTRACKED = "tracking.enabled=false"
# Two processes that begin together; prints what each did.
TOGETHER = """
import json, os, sys
from pathlib import Path

from tests.commands import recsys

ready, start = os.pipe()
children = []
for number in (1, 2):
    if not (child := os.fork()):
        os.close(start)
        os.read(ready, 1)  # until the other one is there, too
        done = recsys(*json.loads(sys.argv[1]), cwd=Path.cwd())
        Path(f"{number}.json").write_text(json.dumps(done))
        os._exit(0)
    children.append(child)
os.close(start)
for child in children:
    os.waitpid(child, 0)
print(json.dumps([json.loads(Path(f"{number}.json").read_text()) for number in (1, 2)]))
"""


def together(work, *arguments: str) -> list[tuple[int, str]]:
    """Status and messages of two that begin together."""
    command = ("-c", TOGETHER, json.dumps(arguments))
    done = run_python(work.backend, *command, cwd=work.path)
    assert done.returncode == 0, done.stderr[-3000:]
    return sorted((status, said) for status, _, said in json.loads(done.stdout.splitlines()[-1]))


def test_two_preparations_of_one_log_make_one_dataset(undisturbed, fresh):
    whole, _ = undisturbed()
    work = fresh()
    assert [status for status, _ in together(work, "prepare", "faulty.yaml")] == [0, 0]
    (dataset,) = (path for path in (work.runs / "datasets").iterdir())
    (expected,) = (path for path in (whole.runs / "datasets").iterdir())
    assert dataset.name == expected.name
    for path in expected.rglob("*.npy"):
        assert (dataset / path.relative_to(expected)).read_bytes() == path.read_bytes()


def test_of_two_runs_of_one_experiment_the_second_is_refused(undisturbed, fresh):
    whole, _ = undisturbed()
    work = fresh()
    (first, _), (second, said) = together(work, "train", "faulty.yaml", UNTRACKED)
    assert (first, second) == (0, 2) and "another process is at work" in said
    assert trained(work) == trained(whole)


@pytest.mark.nightly
def test_a_clock_that_jumps_changes_nothing(undisturbed, fresh):
    whole, _ = undisturbed()
    work = fresh()
    done = work.recsys({"clock": 3 * 86400}, "run")
    assert done.returncode == 0, done.stderr[-3000:]
    assert results(work) == results(whole)
    assert_whole(work)
    assert_tracked_once(work)
