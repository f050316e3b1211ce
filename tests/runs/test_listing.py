"""What `recsys list` says of runs."""

import json
import os
import time

import pytest

from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from recsys.runs.listing import list_runs, listing
from recsys.system.files import locked
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
    assert (first.path, first.state) == (str(runs / "shop" / "1"), "evaluated")
    assert (first.metric, first.value) == ("ndcg@10", 0.06) and first.seconds < 3600
    assert (first.low, first.high) == pytest.approx((0.055, 0.065))
    assert (second.state, second.value) == ("exported", 0.07) and 7300 <= second.seconds < 10900
    said = listing([first, second])
    assert "2 runs" in said and "0.0600 (0.0550 to 0.0650)" in said and "2 h" in said


def test_one_that_is_at_work_or_stopped_or_damaged_is_told(runs):
    first, second = (RunFolder(runs / "shop" / seed) for seed in "12")
    with locked(first.path):
        assert {run.path: run.state for run in list_runs(runs)}[str(first.path)] == "at work"
    first.files.manifest.unlink()
    second.metrics.write_text("{}")
    found = {run.path: run for run in list_runs(runs)}
    assert found[str(first.path)].state == "stopped" and found[str(first.path)].value is None
    assert "metrics.json is damaged" in found[str(second.path)].state


def test_as_json_and_where_there_is_none(runs, tmp_path):
    done = recsys("list", "--json", "--runs-dir", str(runs))
    assert [each["value"] for each in json.loads(done.stdout)] == [0.06, 0.07]
    with pytest.raises(InputError, match="is not a folder"):
        list_runs(tmp_path / "nothing")
    done = recsys("list", "--runs-dir", str(tmp_path / "experiments"))
    assert done.returncode == 2 and "holds no run" in done.stderr
