"""A run is made again, and its metrics are compared."""

import json
import shutil

import pytest

import recsys
from recsys.runs import provenance
from recsys.runs.folder import RunFolder
from tests.commands import recsys as recsys_command

pytestmark = pytest.mark.slow


@pytest.fixture
def copied(run, work, tmp_path, monkeypatch):
    """A copy of the run and its dataset, with the log beside it."""
    for name in ("log.csv", "items.csv"):
        shutil.copy(work / name, tmp_path)
    shutil.copytree(work / "runs" / "datasets", tmp_path / "runs" / "datasets", symlinks=True)
    shutil.copytree(run.path, tmp_path / "runs" / "average" / "1", symlinks=True)
    monkeypatch.chdir(tmp_path)
    # The same, whatever is not committed while the tests run.
    monkeypatch.setattr(provenance, "commit", lambda: "0123abc")
    folder = RunFolder(tmp_path / "runs" / "average" / "1")
    processes = [{**each, "commit": "0123abc"} for each in provenance.recorded(folder)]
    with folder.files.making(folder.provenance):
        folder.write_json(folder.provenance, processes)
    return recsys.load("runs/average/1")


def test_metrics_hold_to_the_bit(copied):
    before = (copied.path / "metrics.json").read_bytes()
    found = recsys.reproduce(copied)
    assert found.holds and found.differences == ()
    assert found.sentence == f"the same to the bit: {len(found.metrics)} metrics"
    assert (found.metrics["difference"].fillna(0) == 0).all()
    assert found.run.path.as_posix() == "runs/reproduce/average/1"
    assert not (found.run.path / "model").exists()
    assert (copied.path / "metrics.json").read_bytes() == before


def test_what_does_not_hold_is_said_and_ends_in_status_1(copied):
    folder = RunFolder(copied.path)
    metrics = json.loads(folder.metrics.read_text())
    metrics["test"]["ndcg@10"]["value"] += 0.01
    with folder.files.making(folder.metrics):
        folder.write_json(folder.metrics, metrics)
    found = recsys.reproduce(copied, runs_dir="again")
    assert not found.holds and "though nothing is known to differ" in found.sentence
    assert found.sentence.startswith("1 of ") and "ndcg@10 by -0.010000" in found.sentence
    done = recsys_command("reproduce", "runs/average/1", "--into", "again")
    assert done.returncode == 1, done.stderr
    assert "ndcg@10 by -0.010000" in done.stdout
    around = json.loads(folder.environment.read_text())
    around["packages"] |= {"numpy": "0.1", "gone": "2"}
    with folder.files.making(folder.environment):
        folder.write_json(folder.environment, around)
    found = recsys.reproduce(copied, runs_dir="again")
    assert not found.holds and "more than 0.003" in found.sentence
    assert found.differences[0] == "gone 2, now not there"
    assert found.differences[1].startswith("numpy 0.1, now ")


def test_a_log_that_is_missing_or_another_is_named(copied, tmp_path):
    log = tmp_path / "log.csv"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:-1]))
    with pytest.raises(recsys.InputError, match="the log has changed since"):
        recsys.reproduce(copied)
    log.unlink()
    with pytest.raises(recsys.InputError, match=r"cannot be prepared here: .*log\.csv"):
        recsys.reproduce(copied)
    done = recsys_command("reproduce", "runs/average/1")
    assert done.returncode == 2 and "Traceback" not in done.stderr
