"""Questions to a plain table with an answer in each row."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from recsys.marketing.propensity.answers import Amount, OneOf, YesNo
from recsys.marketing.propensity.judging import EstimatorsConfig, judge
from recsys.marketing.propensity.labelled import LabelledTableConfig, ask_table


def customers(rows: int = 1200, seed: int = 0) -> pd.DataFrame:
    """Customers who leave when they are new, pay by the month and called the help line."""
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "customer": [f"c{row}" for row in range(rows)],
            "months": generator.integers(0, 60, rows),
            "contract": generator.choice(["month", "year", "two years"], rows),
            "calls": generator.poisson(1.5, rows),
            "fee": generator.normal(50, 10, rows).round(2),
            "same": "everywhere",
        }
    )
    score = 1.5 * (table.contract == "month") + 0.8 * table.calls - 0.06 * table.months - 1
    table["churned"] = np.where(generator.random(rows) < 1 / (1 + np.exp(-score)), "Yes", "No")
    table["spent"] = (table.months * table.fee * generator.lognormal(0, 0.2, rows)).round(2)
    return table


def question(tmp_path, table: pd.DataFrame, **settings):
    table.to_csv(tmp_path / "customers.csv", index=False)
    given = {"path": str(tmp_path / "customers.csv"), "label": "churned"} | settings
    return ask_table(LabelledTableConfig.model_validate(given), seed=1)


def test_who_churns(tmp_path):
    asked = question(tmp_path, customers(), key="customer", leave_out=["spent"])
    assert asked.answer == YesNo("table.label: churned")
    assert set(asked.train.features) == {"months", "contract", "calls", "fee"}
    assert pd.api.types.is_numeric_dtype(asked.train.features["months"])
    sizes = [len(part.target) for part in (asked.train, asked.validation, asked.test)]
    assert sizes == [720, 240, 240]
    users = pd.concat([part.users for part in (asked.train, asked.validation, asked.test)])
    assert users.nunique() == 1200
    found = judge(asked, EstimatorsConfig(estimators=["linear", "gradient_boosting"]))
    assert found.test["auc"]["low"] > 0.7
    assert found.baselines["prior"]["auc"]["value"] == 0.5
    assert found.comparison["low"] > 0


def test_how_much_they_spend(tmp_path):
    asked = question(tmp_path, customers().drop(columns="churned"), label="spent", key="customer")
    assert isinstance(asked.answer, Amount)
    found = judge(asked, EstimatorsConfig(estimators=["random_forest"]))
    assert found.test["rank_correlation"]["low"] > 0.9


def test_which_of_several(tmp_path):
    asked = question(tmp_path, customers(), label="contract", key="customer")
    assert isinstance(asked.answer, OneOf)
    assert asked.answer.names == ("month", "two years", "year")
    found = judge(asked, EstimatorsConfig(estimators=["linear"]))
    assert found.test["accuracy"]["low"] > 0.34


def test_rows_without_an_answer_are_asked_about(tmp_path):
    table = customers()
    table.loc[table.index[:100], "churned"] = " "
    asked = question(tmp_path, table, key="customer")
    assert asked.now.users.tolist() == [f"c{row}" for row in range(100)]
    assert len(asked.now.features) == 100
    assert "c5" not in set(asked.train.users)


def test_what_was_left_out_is_noted(tmp_path):
    table = customers().astype({"calls": str})
    table.loc[table.index[:100], "churned"] = " "
    table.loc[table.index[:30], "calls"] = "many"
    table.loc[table.index[1], "customer"] = "c0"
    assert question(tmp_path, table, key="customer").notes == (
        "100 of 1,200 rows have no answer, and are asked about now",
        "1 of 1,200 rows are of a user who has an earlier row, so that one user may be both "
        "learned from and judged",
        "columns left out, as they never vary: same",
        "feature 'calls': 30 of 1200 values are not usable numbers, such as 'many', and count as "
        "missing",
    )


def test_a_split_by_time_judges_on_the_latest(tmp_path):
    table = customers().assign(since=pd.date_range("2020-01-01", periods=1200).astype(str))
    asked = question(tmp_path, table, key="customer", time="since")
    assert asked.train.users.iloc[-1] == "c719"
    assert asked.test.users.tolist() == [f"c{row}" for row in range(960, 1200)]


def test_a_split_by_numbers_says_that_they_are_no_dates(tmp_path):
    table = customers().assign(month=np.arange(1200))
    with pytest.raises(InputError, match="`earliest_time: 1970-01-01`"):
        question(tmp_path, table, time="month")
    asked = question(tmp_path, table, key="customer", time="month", earliest_time="1970-01-01")
    assert asked.test.users.tolist() == [f"c{row}" for row in range(960, 1200)]


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"label": "churn"}, r"no column 'churn' \(table.label\). Did you mean 'churned'"),
        ({"churned": "No"}, {}, "has one value only, 'no'"),
        ({}, {"positive": "left"}, "no 'churned' is 'left'"),
        ({"churned": ["in", "out"] * 600}, {}, "say in table.positive"),
        ({}, {"label": "customer"}, "has 1200 different texts"),
        (
            {},
            {"leave_out": ["customer", "months", "contract", "calls", "fee", "spent"]},
            "no column is left",
        ),
        ({"since": "soon"}, {"time": "since"}, "'since' .table.time.: 'soon' in row 1 is not a"),
        ({"since": "04/22/2014"}, {"time": "since"}, r'`time_format: "%m/%d/%Y"`'),
        ({"since": [0] * 600 + [10**9] * 600}, {"time": "since"}, "600 of 1200.*0 or less"),
        (
            {"since": [10**9] * 600 + [10**12] * 600},
            {"time": "since"},
            "'since' .table.time. mixes units: 50 %",
        ),
        ({"probability": [0.1, 0.2] * 600}, {}, "'probability' has the name of a column of the"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path, change, settings, message):
    with pytest.raises(InputError, match=message):
        question(tmp_path, customers().assign(**change), **settings)


def test_a_column_that_follows_from_the_answer_stops_the_judging(tmp_path):
    table = customers()
    table["last_bill"] = np.where(table["churned"] == "Yes", "final", "monthly")
    with pytest.raises(InputError, match="'last_bill' tells the answers apart"):
        judge(question(tmp_path, table, key="customer"), EstimatorsConfig(estimators=["linear"]))


def test_ids_have_the_form_that_they_have_in_a_log(tmp_path):
    asked = question(tmp_path, customers(100).assign(customer=np.arange(100.0)), key="customer")
    assert set(asked.train.users) <= {str(number) for number in range(100)}


def test_ids_and_answers_of_a_typed_table(tmp_path):
    """17 digits stay, yes and no may be decimals or floats, and nobody is called None."""
    table = customers(100)
    whole = [76_900_000_000_000_000 + row for row in range(100)]
    churned = pa.array(np.where(table["churned"] == "Yes", 1.0, 0.0))
    columns = {
        "customer": pa.array([None, *whole[1:]]).cast(pa.decimal128(38, 0)),
        "churned": churned,
        "months": pa.array(table["months"]).cast(pa.decimal128(24, 2)),
        "plan": pa.array([contract.encode() for contract in table["contract"]]),
    }
    pq.write_table(pa.table(columns), tmp_path / "customers.parquet")
    given = {"path": str(tmp_path / "customers.parquet"), "label": "churned", "key": "customer"}
    asked = ask_table(LabelledTableConfig.model_validate(given), seed=1)
    assert asked.answer == YesNo("table.label: churned")
    parts = (asked.train, asked.validation, asked.test)
    assert set(pd.concat([part.users for part in parts])) == set(map(str, whole[1:]))
    assert set(asked.train.features["plan"]) == {"month", "year", "two years"}
    assert asked.train.features["months"].dtype == float
    assert asked.notes == ("rows left out for an empty 'customer' (table.key): 1",)


def test_values_that_are_not_numbers_are_told(tmp_path):
    table = customers().astype({"fee": str, "months": str, "calls": str, "spent": str})
    table.loc[table.index[:12], "fee"] = "$12.00"
    table.loc[table.index[:400], "months"] = "\u2014"
    table.loc[table.index[:30], "calls"] = ["1e200", "n/a", "NULL"] * 10
    table["spent"] = [f"1.100,{row % 100:02}" for row in range(1200)]
    asked = question(tmp_path, table, key="customer")
    features = pd.concat([part.features for part in (asked.train, asked.validation, asked.test)])
    assert features["fee"].isnull().sum() == 12
    assert features["calls"].isnull().sum() == 30
    assert set(features["months"]) > {"\u2014", "0"}
    by_name = {note.split("'")[1]: note for note in asked.notes if note.startswith("feature")}
    assert by_name == {
        "fee": "feature 'fee': 12 of 1200 values are not usable numbers, such as '$12.00', and "
        'count as missing; set `currency: "$"` to read them as numbers',
        "months": "feature 'months': 400 of 1200 values are not usable numbers, such as "
        "'\u2014', and make the column one of categories",
        "calls": "feature 'calls': 10 of 1180 values are not usable numbers, such as '1e200', and "
        "count as missing",
        "spent": f"feature 'spent': 1200 of 1200 values are not usable numbers, such as "
        f'{table["spent"][0]!r}, and make the column one of categories; set `decimal: ","` and '
        '`thousands: "."` to read them as numbers',
    }
    read = question(
        tmp_path, table[["customer", "spent", "churned"]], decimal=",", thousands=".",
        key="customer",
    )  # fmt: skip
    assert read.train.features["spent"].dtype == float
    assert read.notes == ()
