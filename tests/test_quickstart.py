"""The quickstart, on a cut-down log in the place of MovieLens-100K."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from recsys.data.sources.public.movielens import FILES
from tests.logs import write_log
from tests.processes import run_python

REPOSITORY = Path(__file__).parents[1]
MODELS = ("quickstart-lstm", "quickstart-two-tower")
# What takes long, and makes no difference to what is shown.
QUICK = (
    "training.epochs=1",
    "training.refit=false",
    "evaluation.bootstrap_samples=100",
    "export.timed_queries=0",
    "tracking.system_metrics_interval=0",
)
BASELINES = ("popular", "recent_popular", "item_knn", "ease", "markov")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "scripts")
    import quickstart

    yield quickstart
    del sys.modules["quickstart"]


def compared(other: str, difference: float, real: bool) -> dict:
    """A comparison as it stands in ``metrics.json``."""
    low, high = difference - 0.01, difference + 0.01
    sentence = f"the sentence about {other}"
    keys = ("other", "metric", "difference", "low", "high", "real", "sentence")
    values = (other, "ndcg@10", difference, low, high, real, sentence)
    return dict(zip(keys, values, strict=True))


def test_verdict_of_a_model_that_beats_all_names_the_nearest_baseline(script):
    found = script.verdict("m", [compared("far", 0.3, True), compared("near", 0.02, True)])
    assert found == [
        "m beats every baseline; the nearest, near, by 0.0200 ndcg@10 "
        "(95 % interval of the paired difference 0.0100 to 0.0300)."
    ]


def test_verdict_names_every_baseline_that_is_not_beaten(script):
    beaten, level, worse = ("beaten", 0.3, True), ("level", 0.02, False), ("worse", -1.0, True)
    found = script.verdict("m", [compared(*each) for each in (beaten, level, worse)])
    assert found == ["the sentence about level", "the sentence about worse"]


def write_public_data(home: Path) -> None:
    """The three tidy files that the data room keeps of MovieLens-100K, cut down."""
    log = pd.read_csv(write_log(home / "raw", users=40))
    folder = home / "movielens-100k"
    folder.mkdir()
    log = log.assign(
        user=log["user"].str[1:].astype(int) + 1,
        item=log["item"].str[1:].astype(int) + 1,
        rating=3,
    )
    log[["user", "item", "rating", "time"]].to_csv(folder / FILES["log"], index=False)
    users = pd.DataFrame({"id": sorted(log["user"].unique())})
    users.assign(age=30, gender="F", occupation="writer", zip="0").to_csv(
        folder / FILES["users"], index=False
    )
    items = pd.DataFrame({"id": sorted(log["item"].unique())})
    items.assign(title="Film " + items["id"].astype(str), genres="Drama|War", year=1990).to_csv(
        folder / FILES["items"], index=False
    )


@pytest.mark.slow
def test_quickstart(tmp_path, empty_store):
    write_public_data(tmp_path / "home")
    (tmp_path / "runs").mkdir()
    shutil.copy(empty_store, tmp_path / "runs" / "mlflow.db")
    command = (str(REPOSITORY / "scripts" / "quickstart.py"), *QUICK)
    home = {"RECSYS_DATA_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    done = run_python("tensorflow", *command, cwd=tmp_path, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in MODELS:
        run = tmp_path / "runs" / name / "1"
        assert (run / "report.html").is_file()
        assert (run / "model" / "1" / "saved_model.pb").is_file()
    shown = done.stdout.splitlines()
    names = {*MODELS, *BASELINES}
    words = [line.split() for line in shown if line]
    rows = [line for line in words if line[0] in names and line[1].startswith("0.")]
    assert {row[0] for row in rows} == names
    values = [float(row[1]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert sum(line.count("Film ") for line in shown) == 3 * 5
    assert "mlflow ui" in done.stdout and "report.html" in done.stdout
