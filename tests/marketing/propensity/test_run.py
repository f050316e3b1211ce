"""`recsys run` on experiments that ask about users."""

import json
import re
import shutil
import sys

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml

from recsys import cli
from recsys.tracking import store
from tests.marketing.logs import START, shoppers
from tests.marketing.propensity.test_labelled import customers

pytestmark = pytest.mark.slow
QUICK = {"estimators": ["linear"], "explained_users": 5}


def run(monkeypatch, capsys, folder, *arguments) -> tuple[int, str]:
    """Exit status, and what was said."""
    command = ["recsys", "run", str(folder / "experiment.yaml")]
    command += ["--runs-dir", str(folder / "runs"), *arguments]
    monkeypatch.setattr(sys, "argv", command)
    try:
        cli.main()
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    return status, "".join(capsys.readouterr())


def write(folder, experiment) -> None:
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))


@pytest.fixture
def log_experiment(tmp_path):
    rows = shoppers(users=500)
    log = rows.assign(time=START + pd.to_timedelta(rows["day"], unit="D"))
    log.to_parquet(tmp_path / "log.parquet")
    people = pd.DataFrame({"user": rows["user"].unique()})
    people["country"] = np.where(np.arange(len(people)) % 3, "here", "there")
    people.to_csv(tmp_path / "people.csv", index=False)
    columns = {"user": "user", "item": "item", "time": "time", "value": "value"}
    data = {
        "log": {"path": str(tmp_path / "log.parquet"), "columns": columns},
        "users": {
            "path": str(tmp_path / "people.csv"),
            "key": "user",
            "features": {"country": "categorical"},
        },
    }
    settings = {"period": {"days": 60}, "features": {"user_table": ["country"]}, **QUICK}
    experiment = {"task": "propensity", "name": "buys", "data": data, "propensity": settings}
    write(tmp_path, experiment)
    return experiment


def test_from_a_log_to_predictions_page_and_registry(
    tmp_path, monkeypatch, capsys, log_experiment, empty_store
):
    (tmp_path / "runs").mkdir()
    shutil.copy(empty_store, tmp_path / "runs" / "mlflow.db")
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 0, said
    assert "the baseline 'recency'" in said and "report:" in said
    folder = tmp_path / "runs" / "buys" / "1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test"]["auc"]["low"] > 0.6
    assert set(metrics["importance"]) > {"recency_days", "segment", "country"}
    assert sum(metrics["segments"]["counts"][name][-1] for name in metrics["segments"]["counts"])

    users = pd.read_parquet(folder / "users.parquet")
    assert users["user"].is_unique and users["probability"].between(0, 1).all()
    assert set(users["country"]) == {"here", "there"}
    assert (users["reasons"].str.len() > 0).sum() <= 5
    assert users.nlargest(1, "probability")["reasons"].str.len().item() > 0
    tested = pd.read_parquet(folder / "predictions.parquet")
    assert set(tested) == {"user", "truth", "probability", "recency_probability"}
    assert tested["truth"].mean() == pytest.approx(tested["probability"].mean(), abs=0.1)

    with store.active_store(store.local_uri(tmp_path / "runs")):
        model = mlflow.pyfunc.load_model("models:/buys/1")
    asked = users[list(metrics["input_example"])]
    np.testing.assert_allclose(model.predict(asked)[:, 1], users["probability"], rtol=1e-6)

    page = (folder / "report.html").read_text()
    assert "Who will buy" in page and "Where users stand" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


@pytest.mark.nightly
def test_how_much_is_a_mean_that_adds_up_and_the_page_says_to_what(
    tmp_path, monkeypatch, capsys, log_experiment
):
    settings = {**log_experiment["propensity"], "currency": "€", "estimators": ["linear", "svm"]}
    settings["period"] = {"target": "value", "days": 60}
    write(tmp_path, log_experiment | {"propensity": settings})
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 0, said
    folder = tmp_path / "runs" / "buys" / "1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["chosen"]["settings"]["power"] in (1, 1.5, 1.9)
    assert list(metrics["baselines"]) == ["zero", "last_period", "last_period_line", "prior"]
    assert metrics["baselines"]["zero"]["deviance"]["value"] is None and "infinite" in said
    assert metrics["comparison"]["baseline"] == "last_period_line"
    assert "last_period " in said and "prior" in said

    tested, users = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("predictions", "users")
    )
    baselines = {f"{name}_amount" for name in metrics["baselines"]}
    assert set(tested) == {"user", "truth", "amount"} | baselines
    assert (tested["zero_amount"] == 0).all() and (tested["amount"] > 0).all()
    totals = metrics["totals"]
    assert totals["tested"]["predicted"] == pytest.approx(tested["amount"].sum())
    assert totals["tested"]["happened"] == pytest.approx(tested["truth"].sum())
    assert totals["now"]["predicted"] == pytest.approx(users["amount"].sum())
    assert totals["now"]["predicted_mean"] == pytest.approx(users["amount"].mean())
    ratio = tested["amount"].sum() / tested["truth"].sum()
    assert metrics["test"]["total"]["value"] == pytest.approx(ratio)

    with store.active_store(store.local_uri(tmp_path / "runs")):
        model = mlflow.pyfunc.load_model("models:/buys/1")
    asked = users[list(metrics["input_example"])]
    np.testing.assert_allclose(model.predict(asked), users["amount"], rtol=1e-6)
    file = folder / "model" / "1" / "model.skops"
    assert not [name for name in skops.io.get_untrusted_types(file=file) if "recsys" in name]

    page = " ".join(re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text()).split())
    page = page.replace("&nbsp;", " ")
    assert f"Predicted of everybody now: {users['amount'].sum():,.0f} €" in page
    assert f"a mean of {users['amount'].mean():.2f} € for each of {len(users):,} users" in page
    assert f"{len(tested):,} users spent {tested['truth'].sum():,.0f} €" in page
    assert f"predicted were {tested['amount'].sum():,.0f} €" in page
    assert f"{100 * ratio:.1f} % of it (95 %: " in page
    assert "zero" in page and "last period line" in page and "infinite" in page


@pytest.mark.nightly
def test_medians_have_their_name_and_no_total(tmp_path, monkeypatch, capsys, log_experiment):
    settings = {**log_experiment["propensity"], "statistic": "median"}
    settings["period"] = {"target": "value", "days": 60}
    log_experiment |= {"propensity": settings, "tracking": {"enabled": False}}
    write(tmp_path, log_experiment)
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 0 and "mae" in said, said
    folder = tmp_path / "runs" / "buys" / "1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics["baselines"]) == ["zero", "last_period", "prior"]
    assert metrics["comparison"]["metric"] == "mae" and "now" not in metrics["totals"]
    assert "do not add up to a total" in " ".join((folder / "report.html").read_text().split())


@pytest.mark.nightly
def test_returns_are_amounts_below_0_and_said(tmp_path, monkeypatch, capsys, log_experiment):
    log = pd.read_parquet(tmp_path / "log.parquet")
    log.loc[log.index[::20], "value"] *= -3
    log.to_parquet(tmp_path / "log.parquet")
    settings = {**log_experiment["propensity"], "period": {"target": "value", "days": 60}}
    log_experiment |= {"propensity": settings, "tracking": {"enabled": False}}
    write(tmp_path, log_experiment)
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 0 and "users' sums fall below 0" in said, said
    metrics = json.loads((tmp_path / "runs" / "buys" / "1" / "metrics.json").read_text())
    assert metrics["comparison"]["metric"] == "rmse" and "bias" in metrics["test"]
    assert any("returns" in note for note in metrics["notes"])


def test_the_saved_estimator_needs_scikit_learn_alone(
    tmp_path, monkeypatch, capsys, log_experiment
):
    write(tmp_path, log_experiment | {"tracking": {"enabled": False}})
    assert run(monkeypatch, capsys, tmp_path)[0] == 0
    file = tmp_path / "runs" / "buys" / "1" / "model" / "1" / "model.skops"
    assert not [name for name in skops.io.get_untrusted_types(file=file) if "recsys" in name]


@pytest.mark.nightly
def test_run_again_nothing_is_done_again(tmp_path, monkeypatch, capsys, log_experiment):
    write(tmp_path, log_experiment | {"tracking": {"enabled": False}})
    run(monkeypatch, capsys, tmp_path)
    metrics = tmp_path / "runs" / "buys" / "1" / "metrics.json"
    before = metrics.stat().st_mtime_ns
    assert run(monkeypatch, capsys, tmp_path)[0] == 0
    assert metrics.stat().st_mtime_ns == before
    status, said = run(monkeypatch, capsys, tmp_path, "propensity.period.days=50")
    assert status == 2 and "propensity.period.days" in said and "--overwrite" in said
    status, _ = run(monkeypatch, capsys, tmp_path, "propensity.period.days=50", "--overwrite")
    assert status == 0
    assert metrics.stat().st_mtime_ns > before


def test_a_log_that_changed_is_not_mixed_into_a_run(tmp_path, monkeypatch, capsys, log_experiment):
    write(tmp_path, log_experiment | {"tracking": {"enabled": False}})
    run(monkeypatch, capsys, tmp_path)
    log = pd.read_parquet(tmp_path / "log.parquet")
    log.iloc[:-1].to_parquet(tmp_path / "log.parquet")
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 2 and "the log has changed since" in said


def test_a_table_with_a_label(tmp_path, monkeypatch, capsys):
    table = customers().assign(segment="ours")
    table.loc[::2, "segment"] = "theirs"
    gone = (table["churned"] == "Yes").to_numpy()
    table["last_call"] = np.random.default_rng(0).gamma(np.where(gone, 6.0, 1.5), 60.0)
    table.loc[table.index[:50], "churned"] = ""
    table.to_csv(tmp_path / "customers.csv", index=False)
    given = {"path": str(tmp_path / "customers.csv"), "label": "churned", "key": "customer"}
    given |= {"positive": True, "leave_out": ["spent"]}
    experiment = {"task": "propensity", "table": given, "propensity": QUICK}
    write(tmp_path, experiment | {"name": "churn", "tracking": {"enabled": False}})
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 0, said
    users = pd.read_parquet(tmp_path / "runs" / "churn" / "1" / "users.parquet")
    assert users["user"].tolist() == [f"c{row}" for row in range(50)]
    page = (tmp_path / "runs" / "churn" / "1" / "report.html").read_text()
    assert "Prediction of" in page
    # What may be known only afterwards is asked about where one looks, and once.
    asked = "'last_call' alone reaches AUC 0."
    assert said.count(asked) == 1 and said.count("have no label") == 1
    assert asked.replace("'", "&#39;") in page
    metrics = json.loads((tmp_path / "runs" / "churn" / "1" / "metrics.json").read_text())
    assert [each["column"] for each in metrics["giveaways"]] == ["last_call"]
    assert metrics["giveaways"][0]["sentence"] in metrics["notes"]
    # The table's segments are not the log's.
    assert "Predictions of users of now by segment" not in page

    status, said = run(monkeypatch, capsys, tmp_path, "propensity.currency=€", "--name", "other")
    assert status == 2 and "the label 'churned' (table.label) is not an amount" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "clairvoyance"}, "there is no `task: clairvoyance`"),
        ({"name": "replays"}, "name: 'replays' is reserved"),
        ({"data": None}, "give either `data`, a log, or `table`"),
        ({"propensity": {"estimator": ["linear"]}}, "did you mean 'estimators'"),
        (
            {"propensity": {"features": {"user_table": ["age"]}}},
            "user_table names age; the user table has country",
        ),
        ({"propensity": {"period": {"days": 400}}}, "the log spans"),
        ({"propensity": {"statistic": "median"}}, "propensity.statistic needs amounts"),
        ({"propensity": {"currency": "€"}}, "propensity.period.target is buys"),
        ({"task": ["propensity"]}, "there is no `task: ['propensity']`"),
    ],
)
def test_bad_input_is_one_message(tmp_path, monkeypatch, capsys, log_experiment, change, message):
    write(tmp_path, log_experiment | change)
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 2 and message in said and "Traceback" not in said


def test_a_user_feature_with_a_name_of_ours_is_refused(
    tmp_path, monkeypatch, capsys, log_experiment
):
    users = {**log_experiment["data"]["users"]}
    users["features"] = {"items": {"kind": "categorical", "column": "country"}}
    document = log_experiment | {"data": log_experiment["data"] | {"users": users}}
    settings = log_experiment["propensity"] | {"features": {"user_table": ["items"]}}
    write(tmp_path, document | {"propensity": settings})
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 2 and "the user table's 'items' has the name of a number" in said


def test_features_of_events_are_refused(tmp_path, monkeypatch, capsys, log_experiment):
    """Nothing would read them."""
    data = log_experiment["data"]
    log = {**data["log"], "features": {"user_id": "categorical"}}
    write(tmp_path, log_experiment | {"data": {**data, "log": log}})
    status, said = run(monkeypatch, capsys, tmp_path)
    assert status == 2 and "data.log.features are read by models of histories" in said


def test_the_other_commands_say_that_run_does_it(tmp_path, monkeypatch, capsys, log_experiment):
    monkeypatch.setattr(sys, "argv", ["recsys", "train", str(tmp_path / "experiment.yaml")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "`recsys run` runs as a whole" in capsys.readouterr().err
