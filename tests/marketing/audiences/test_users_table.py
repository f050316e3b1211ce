import json

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.audiences.users_table import read_users


def run(folder, users):
    """A finished prediction, as far as its users are read."""
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text("task: propensity\n")
    pd.DataFrame(users).assign(reasons=[[]] * len(users["user"])).to_parquet(
        folder / "users.parquet"
    )
    (folder / "dataset").mkdir()
    pd.DataFrame({"user_id": [*users["user"], "silent"]}).to_parquet(
        folder / "dataset" / "users.parquet"
    )
    return str(folder)


@pytest.fixture(autouse=True)
def datasets(monkeypatch):
    """Datasets whose manifests nobody reads here."""
    from recsys.runs.folder import RunFolder

    class Known:
        def __init__(self, path):
            self.user_ids = pd.read_parquet(path / "dataset/users.parquet")["user_id"].tolist()

    monkeypatch.setattr(RunFolder, "dataset", lambda self: Known(self.path))


def on_log(folder, log):
    record = {"fingerprint": log, "path": "dataset"}
    (folder / "dataset.json").write_text(json.dumps(record))


def test_predictions_take_the_names_of_their_runs(tmp_path):
    buys = run(tmp_path / "b", {"user": ["1", "2"], "probability": [0.1, 0.9], "age": [30, 40]})
    leaves = run(tmp_path / "l", {"user": ["2", "3"], "probability": [0.5, 0.6], "age": [41, 50]})
    group = {"user": ["1"], "probability_new": [0.7], "probability_lost": [0.3]}
    next_ = run(tmp_path / "s", {**group, "predicted": ["new"], "age": [30]})
    for folder in "bls":
        on_log(tmp_path / folder, "a")
    table = read_users({"buys": buys, "leaves": leaves, "next": next_})
    rows = table.rows.set_index("user")
    assert list(rows) == ["age", "buys", "leaves", "next_new", "next_lost", "next"]
    assert rows.loc["2", ["age", "buys", "leaves"]].tolist() == [40, 0.9, 0.5]
    assert rows.loc["3", "age"] == 50 and rows.loc["3", "leaves"] == 0.6
    assert rows.loc["1", "next"] == "new" and pd.isna(rows.loc["3", "buys"])
    assert table.known == {"1", "2", "3", "silent"}


def test_runs_of_different_logs_are_refused(tmp_path):
    runs = {
        name: run(tmp_path / name, {"user": ["1"], "probability": [0.1]}) for name in ("x", "y")
    }
    for name in runs:
        on_log(tmp_path / name, name)
    with pytest.raises(InputError, match="about different logs"):
        read_users(runs)


def test_a_prediction_does_not_hide_a_feature(tmp_path):
    path = run(tmp_path / "b", {"user": ["1"], "probability": [0.1], "age": [30]})
    with pytest.raises(InputError, match="'age' would be the column 'age'"):
        read_users({"age": path})


def test_a_run_without_users_is_named(tmp_path):
    (tmp_path / "experiment.yaml").write_text("task: sentiment\n")
    with pytest.raises(InputError, match=r"has no users\.parquet"):
        read_users({"mood": str(tmp_path)})


@pytest.mark.parametrize("name", ["user", "User", "AGE"])
def test_a_prediction_has_a_name_of_its_own_for_sql(tmp_path, name):
    path = run(tmp_path / "b", {"user": ["1"], "probability": [0.1], "age": [30]})
    with pytest.raises(InputError, match=f"would be the column '{name.lower()}'"):
        read_users({name: path})
