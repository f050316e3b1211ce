"""What `recsys list` says of runs."""

import os
import time

import pytest

from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from recsys.runs.listing import list_runs, listing
from recsys.runs.work_marker import FILE, marked
from recsys.system.files import locked
from recsys.system.stopping import Stopped
from tests.commands import recsys
from tests.finished_runs import write_experiment, write_finished_run


@pytest.fixture
def runs(tmp_path):
    experiment = write_experiment(tmp_path / "experiments")
    write_finished_run(tmp_path / "runs", experiment, seed=1, ndcg=0.06)
    second = RunFolder(write_finished_run(tmp_path / "runs", experiment, seed=2, ndcg=0.07))
    (second.model / "1").mkdir(parents=True)
    long_ago = time.time() - 7300
    for path in second.path.glob("*"):
        os.utime(path, (long_ago, long_ago))
    return tmp_path / "runs"


def test_state_headline_and_age_the_newest_first(runs):
    first, second = list_runs(runs)
    assert (first.path, first.name, first.seed) == (str(runs / "shop" / "1"), "shop", 1)
    assert (first.state, first.done) == ("finished", "evaluated")
    assert (first.metric, first.value, first.validation) == ("ndcg@10", 0.06, 0.08)
    assert (first.low, first.high) == pytest.approx((0.055, 0.065))
    assert first.duration_seconds == 90.0 and first.age_seconds < 3600
    assert (second.done, second.value) == ("exported", 0.07) and 7300 <= second.age_seconds < 10900
    said = listing([first, second])
    assert "2 runs" in said and "0.0600 (0.0550 to 0.0650)" in said and "2 h" in said
    assert "finished (exported)" in said and "0.0800" in said and "1 min" in said


def test_how_a_run_ended_is_told(runs):
    first, second = (RunFolder(runs / "shop" / seed) for seed in "12")

    def state(folder):
        return next(run for run in list_runs(runs) if run.path == str(folder.path))

    with locked(first.path), marked(first.path):
        working = state(first)
        assert working.state == "running" and working.duration_seconds < 60
    assert state(first).state == "finished"
    with pytest.raises(ZeroDivisionError, match="by zero"), marked(first.path):
        _ = 1 / 0
    failed = state(first)
    assert (failed.state, failed.error) == ("failed", "division by zero")
    assert f"{first.path}: division by zero" in listing([failed])
    with pytest.raises(Stopped), marked(first.path):
        raise Stopped(2)
    assert (state(first).state, state(first).done) == ("interrupted", "evaluated")
    (first.path / FILE).write_text("{")  # whatever became of it
    assert state(first).state == "interrupted"
    first.files.manifest.unlink()
    (first.path / FILE).unlink()
    assert (state(first).state, state(first).value) == ("interrupted", None)
    second.metrics.write_text("{}")
    damaged = state(second)
    assert damaged.state == "damaged" and "metrics.json is damaged" in damaged.error


def test_where_there_is_none_it_says_what_to_do(runs, tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        list_runs(tmp_path / "nothing")
    done = recsys("list", "--runs-dir", str(tmp_path / "experiments"))
    assert done.returncode == 2
    assert "holds no run: `recsys init LOG` writes an experiment" in done.stderr
