"""What a campaign is found to have changed, on made-up orders with a known effect."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from recsys.errors import Damaged
from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign
from recsys.marketing.campaigns.summary import campaign_summary
from recsys.marketing.campaigns.uplift_summary import uplift_summary
from recsys.marketing.cli import campaign_app
from recsys.marketing.measurement import permutation
from tests.marketing.campaigns.plain import assigned, build

GAIN = 5.0


@pytest.fixture(autouse=True)
def _few_permutations(monkeypatch):
    monkeypatch.setattr(permutation, "PERMUTATIONS", 199)


@pytest.fixture
def folder(tmp_path) -> Path:
    return build(tmp_path, "spring", "2026-03-01", holdout=0.2, currency="€")


@pytest.fixture
def orders(folder) -> pd.DataFrame:
    """A half of the users spent before, and four times of five likewise, and ``GAIN`` if sent."""
    generator = np.random.default_rng(0)
    rows = assigned(folder)
    before = generator.gamma(1.0, 40.0, len(rows)) * (generator.random(len(rows)) < 0.5)
    noise = generator.gamma(1.0, 2.0, len(rows))
    after = 0.8 * before + noise + GAIN * ~rows["held_out"]
    times = ["2026-02-10", "2026-02-27", "2026-03-04", "2026-03-14"]
    # The last of them all, who says that the days are over.
    last = pd.DataFrame({"user": ["somebody"], "time": ["2026-03-20"], "value": [9.0]})
    shares = [0.5 * before, 0.5 * before, 0.25 * after, 0.75 * after]
    parts = [
        pd.DataFrame({"user": rows["user"], "time": time, "value": share})
        for time, share in zip(times, shares, strict=True)
    ]
    return pd.concat([*parts, last])


def measured(folder: Path, orders: pd.DataFrame, **settings: Any) -> tuple[dict[str, Any], str]:
    path = folder.parent / "orders.csv"
    orders.to_csv(path, index=False)
    file = measure_campaign(folder, OutcomesConfig(path=str(path), value="value", **settings))
    return json.loads(file.read_text()), uplift_summary(file)


def test_money_is_adjusted_for_the_money_before(folder, orders):
    document, said = measured(folder, orders)
    found = document["campaigns"][0]["value"]["overall"]
    assert found["adjusted"] and document["before_days"] == 90
    users = orders[orders["user"] != "somebody"].assign(late=lambda rows: rows["time"] >= "2026-03")
    spent = users.pivot_table(index="user", columns="late", values="value", aggfunc="sum")
    sent = ~assigned(folder).set_index("user")["held_out"].reindex(spent.index)
    matrix = np.column_stack((sent, spent[False], np.ones(len(spent))))
    expected = np.linalg.lstsq(matrix, spent[True], rcond=None)[0][0]
    assert found["difference"] == pytest.approx(expected, rel=1e-3)
    assert found["low"] < GAIN < found["high"]
    assert "adjusted for the money of the 90 days before" in said
    plain, said = measured(folder, orders, before_days=0)
    other = plain["campaigns"][0]["value"]["overall"]
    assert not other["adjusted"] and "adjusted for" not in said
    assert found["high"] - found["low"] < 0.5 * (other["high"] - other["low"])
    after = spent[True]
    assert other["difference"] == pytest.approx(after[sent].mean() - after[~sent].mean(), rel=1e-3)


def test_only_the_days_before_that_were_asked_for_adjust(folder, orders):
    document, _ = measured(folder, orders, before_days=1)
    assert document["before_days"] == 0  # nobody bought anything on that day


def test_what_nobody_did_before_adjusts_nothing(folder, orders):
    document, said = measured(folder, orders[orders["time"] >= "2026-03"])
    assert document["before_days"] == 0 and "adjusted for" not in said


def test_money_of_too_few_is_refused_and_their_responses_are_not(folder, orders):
    rows = assigned(folder)
    few = rows["user"][rows["held_out"]][:2].tolist() + rows["user"][~rows["held_out"]][:8].tolist()
    document, said = measured(folder, orders[orders["user"].isin([*few, "somebody"])])
    found = document["campaigns"][0]
    assert found["responded"]["overall"]["held_out"] == rows["held_out"].sum()
    assert list(found["not_measured"]) == ["value"]
    assert "an interval of money needs 5: 1,000 users held out" in said


def test_what_is_odd_about_the_outcomes_is_said(folder, orders):
    orders.loc[orders["time"] == "2026-03-14", "value"] = None
    strangers = pd.DataFrame({"user": ["K1", None], "time": "2026-03-05", "value": 1.0})
    twice = orders[orders["time"] == "2026-03-04"].iloc[:3]
    _, said = measured(folder, pd.concat([orders, twice, strangers]))
    rows = len(orders) + 5
    assert f"2,000 of {rows:,} outcomes have no money, which counts as 0" in said
    assert f"1 of {rows:,} outcomes have no user, and count for none" in said
    assert f"3 of {rows:,} outcomes repeat another one" in said
    assert "4,003 of 4,005 outcomes in the days are of the campaign's users" in said
    outside = rows - 4005
    early = int((orders["time"] < "2026-03-01").sum())
    lie = f"{outside:,} of {rows:,} lie outside the days, {early:,} before and {outside - early:,}"
    assert outside and lie in said
    assert "the last outcome" not in said  # on the 20th, when the days are over
    _, said = measured(folder, orders[orders["time"] < "2026-03-10"])
    assert "the last outcome is of 2026-03-04, and the days are over after 2026-03-14" in said


def test_days_begin_at_midnight_of_the_times_own_zone(folder):
    rows = assigned(folder)
    times = pd.date_range("2026-03-01", periods=24, freq="h").strftime("%Y-%m-%d %H:%M")
    orders = pd.DataFrame({"user": rows["user"][:24], "time": times, "value": 2.5})
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        _, said = measured(folder, orders, days=1, timezone=zone)
        assert "24 of 24 outcomes in the days are of the campaign's users" in said


def test_what_may_be_thousands_is_asked_about(folder, orders):
    whole = orders.assign(value=[f"{1 + place % 900}.500" for place in range(len(orders))])
    _, said = measured(folder, whole)
    assert "each 'value' has three digits after a point, such as '1.500'" in said
    whole.iloc[0, whole.columns.get_loc("value")] = "12.5"
    _, said = measured(folder, whole)
    assert "three digits after a point" not in said


def test_the_command_reads_money_as_it_is_written(folder, orders):
    orders["value"] = [f"{value:.2f} €".replace(".", ",") for value in orders["value"]]
    path = folder.parent / "orders.csv"
    orders.to_csv(path, index=False, sep=";")
    asked = ["measure", str(folder), str(path), 'decimal=","', "currency=€", "--value", "value"]
    found = CliRunner().invoke(campaign_app, asked)
    assert found.exit_code == 0, found.exception
    assert "hello: value" in found.stdout


def test_user_and_time_have_columns_of_their_own():
    with pytest.raises(ValidationError, match="has the roles `user` and `time`"):
        OutcomesConfig(path="orders.csv", user="id", time="id")


def test_what_cannot_be_measured_is_said_when_it_is_built_and_once_when_it_is_measured(tmp_path):
    folder = build(tmp_path, "spring", "2026-03-01", holdout=0.001, control={"share": 0.05})
    rows = assigned(folder)
    control, own = rows["control"].sum(), (rows["held_out"] & ~rows["control"]).sum()
    told = (
        f"hello: the campaign cannot be measured: {(~rows['held_out']).sum():,} users treated and "
        f"{own} held out; each needs 10 or more ({control} more are in the control group, which "
        "is compared apart)"
    )
    assert 0 < own < 10 and told in campaign_summary(folder)
    orders = rows[["user"]].assign(time="2026-03-04", value=range(len(rows)))
    assert measured(folder, orders)[1].count(told) == 1


def test_what_can_be_measured_is_not_said_to_be_otherwise(folder):
    assert "cannot be" not in campaign_summary(folder)


def test_an_earlier_measurement_is_replaced_aloud(folder, orders, caplog):
    measured(folder, orders)
    assert "replaced" not in caplog.text
    measured(folder, orders, days=10)
    assert "uplift.json: what was measured before is replaced" in caplog.text


def test_uplift_of_another_format_is_refused(folder, orders):
    measured(folder, orders)
    (folder / "uplift.json").write_text('{"days": 14}')
    with pytest.raises(Damaged, match=r"no number of a format.*`recsys campaign measure`"):
        uplift_summary(folder / "uplift.json")
