"""A run that goes on from an earlier one's model, as a user at a terminal runs it."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from tests.logs import write_log
from tests.processes import run_python

pytestmark = pytest.mark.slow
EXPERIMENT = {
    "data": {
        "log": {"path": "monday.csv", "columns": {"user": "user", "item": "item", "time": "time"}}
    },
    "seen": "allow",
    "model": {"dim": 8, "max_events": 6, "query": {"encoder": {"kind": "gru"}}},
    "training": {"epochs": 2, "batch_size": 16},
    "evaluation": {"bootstrap_samples": 100, "baselines": ["popular"]},
    "export": {"timed_queries": 0},
    "tracking": {"system_metrics_interval": 0},
}
TUESDAY = "data.log.path=tuesday.csv"
# The earlier run, overrides, and a part of the message.
REFUSED = {
    "no run": ("runs/sunday", [TUESDAY], "runs/sunday is not the folder of one run"),
    "another model": (
        "runs/shop",
        [TUESDAY, "model.dim=4"],
        "it differs in model.dim), whose weights cannot be gone on from",
    ),
    "the same log": ("runs/shop", ["data.log.path=monday.csv"], "there is nothing new to train on"),
    "an earlier split": (
        "runs/shop",
        [TUESDAY, "data.split={kind: time, validation_quantile: 0.5, test_quantile: 0.7}"],
        "that are now to be validated or tested on",
    ),
    "another log": ("runs/shop", ["data.log.path=others.csv"], "none of the 12 items of the log"),
    "privacy": (
        "runs/shop",
        ["training.privacy={epsilon: 4}"],
        "continue_from, which goes against",
    ),
}
PROGRAM = f"""
import json
from pathlib import Path
from tests.commands import recsys

def run(*arguments):
    done = recsys("run", "shop.yaml", *arguments, cwd=Path.cwd())
    return done.returncode, " ".join((done.stdout + done.stderr).split())

said = {{"first": run(), "grown": run(
    "data.log.path=tuesday.csv", "--name", "tuesday", "--continue-from", "runs/shop"
)}}
for name, (earlier, overrides, _) in {REFUSED!r}.items():
    said[name] = run(
        *overrides, "--name", "no", "--continue-from", earlier
    )
Path("runs/shop/1/checkpoints/retriever.keras").unlink()
said["again"] = run(
    "data.log.path=tuesday.csv", "--name", "tuesday", "--continue-from", "runs/shop"
)
said["untrained"] = run(
    "data.log.path=tuesday.csv", "--name", "no", "--continue-from", "runs/shop"
)
Path("said.json").write_text(json.dumps(said))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory, empty_store):
    """The folder, and by case the exit status and what was said."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    log = pd.read_csv(write_log(folder, users=40, items=12, events=10)).sort_values("time")
    log[:300].to_csv(folder / "monday.csv", index=False)
    log.to_csv(folder / "tuesday.csv", index=False)
    log.assign(item="x" + log["item"]).to_csv(folder / "others.csv", index=False)
    (folder / "shop.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    done = run_python("tensorflow", "-c", PROGRAM, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, json.loads((folder / "said.json").read_text())


def test_what_is_carried_over_is_said_and_kept(found):
    folder, said = found
    status, text = said["grown"]
    assert status == 0, text
    assert "goes on from the earlier model: of its items 12 are kept, 0 dropped and 0 are" in text
    run = folder / "runs" / "tuesday" / "1"
    continued = json.loads((run / "metrics.json").read_text())["continued"]
    assert continued["carried_users"] + continued["new_users"] == 40
    # 81 % of 400 events, of which 81 % of 300 were trained on, and a share of the old ones.
    assert 81 <= continued["epoch_events"] < 150
    assert len(json.loads((run / "history.json").read_text())) == 2
    written = yaml.safe_load((run / "experiment.yaml").read_text())
    assert written["training"]["continue_from"]["run"] == "runs/shop"


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_gone_on_from_is_refused(found, case):
    status, text = found[1][case]
    assert status == 2, text
    assert REFUSED[case][2] in text
    assert "Traceback" not in text


def test_a_finished_run_does_not_need_the_earlier_one_any_more(found):
    assert found[1]["again"][0] == 0, found[1]["again"][1]


def test_an_earlier_run_without_a_model_is_refused(found):
    status, text = found[1]["untrained"]
    assert status == 2 and "runs/shop/1" in text and "trained model" in text, text
