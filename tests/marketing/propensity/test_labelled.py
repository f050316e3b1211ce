"""Questions to a plain table with a label in each row."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from recsys.marketing.propensity.labelled import task_of_table
from recsys.marketing.propensity.labelled_table import LabelledTableConfig
from recsys.marketing.propensity.model_selection import EstimatorsConfig, select_model
from recsys.marketing.propensity.objectives import Binary, Multiclass, Regression


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


def task(tmp_path, table: pd.DataFrame, **settings):
    table.to_csv(tmp_path / "customers.csv", index=False)
    given = {"path": str(tmp_path / "customers.csv"), "label": "churned"} | settings
    return task_of_table(LabelledTableConfig.model_validate(given), seed=1)


def test_who_churns(tmp_path):
    asked = task(tmp_path, customers(), key="customer", leave_out=["spent"])
    assert asked.objective == Binary("table.label: churned")
    assert set(asked.train.features) == {"months", "contract", "calls", "fee"}
    assert pd.api.types.is_numeric_dtype(asked.train.features["months"])
    sizes = [len(part.target) for part in (asked.train, asked.validation, asked.test)]
    assert sizes == [720, 240, 240]
    users = pd.concat([part.users for part in (asked.train, asked.validation, asked.test)])
    assert users.nunique() == 1200
    found = select_model(asked, EstimatorsConfig(estimators=["linear", "gradient_boosting"]))
    assert found.test["auc"]["low"] > 0.7
    assert found.baselines["prior"]["auc"]["value"] == 0.5
    assert found.comparison["low"] > 0


def test_how_much_they_spend(tmp_path):
    asked = task(tmp_path, customers().drop(columns="churned"), label="spent", key="customer")
    assert isinstance(asked.objective, Regression)
    found = select_model(asked, EstimatorsConfig(estimators=["random_forest"]))
    assert found.test["rank_correlation"]["low"] > 0.9


def test_which_of_several(tmp_path):
    asked = task(tmp_path, customers(), label="contract", key="customer")
    assert isinstance(asked.objective, Multiclass)
    assert asked.objective.names == ("month", "two years", "year")
    found = select_model(asked, EstimatorsConfig(estimators=["linear"]))
    assert found.test["accuracy"]["low"] > 0.34


def test_rows_without_an_answer_are_asked_about(tmp_path):
    table = customers()
    table.loc[table.index[:100], "churned"] = " "
    asked = task(tmp_path, table, key="customer")
    assert asked.now.users.tolist() == [f"c{row}" for row in range(100)]
    assert len(asked.now.features) == 100
    assert "c5" not in set(asked.train.users)


def test_what_was_left_out_is_noted(tmp_path):
    table = customers().astype({"calls": str})
    table.loc[table.index[:100], "churned"] = " "
    table.loc[table.index[:30], "calls"] = "many"
    table.loc[table.index[1], "customer"] = "c0"
    table.loc[table.index[200], "customer"] = "c201"
    table["row"] = range(1200)
    table["name"] = [f"name {row}" for row in range(1200)]
    table["city"] = np.where(table.index < 300, "here", table["name"])
    table["number"] = np.random.default_rng(0).permutation(1200)
    assert task(tmp_path, table, key="customer").notes == (
        "100 of 1,200 rows have no label, and are predicted now",
        "'calls': 30 of 1,200 values cannot be read, such as 'many', and count as missing",
        "columns left out, as they never vary: 'same'",
        "columns left out, as they count the rows: 'row'",
        "columns left out, as each of their texts is in fewer than 20 of the rows that are learned "
        "from: 'name'",
        "columns of which most is lost, as texts in fewer than 20 of the rows that are learned "
        "from count as one: 'city'",
        "columns with another whole number in each row: 'number'; if these are ids, name them in "
        "table.leave_out, or the users' in table.key",
        "1 of 1,100 rows are of a user who has an earlier row; no user is on two sides of the "
        "split",
    )


def test_a_split_by_time_judges_on_the_latest(tmp_path):
    table = customers().assign(since=pd.date_range("2020-01-01", periods=1200).astype(str))
    asked = task(tmp_path, table, key="customer", time="since")
    assert asked.train.users.iloc[-1] == "c719"
    assert asked.test.users.tolist() == [f"c{row}" for row in range(960, 1200)]


def test_rows_without_a_time_are_left_out_of_a_split_by_time_and_counted(tmp_path):
    table = customers().assign(since=pd.date_range("2020-01-01", periods=1200).astype(str))
    table.loc[:199, "since"] = None
    table.loc[100:299, "churned"] = None
    asked = task(tmp_path, table, key="customer", time="since")
    assert asked.notes[:2] == (
        "rows left out for an empty 'since' (table.time): 100",
        "200 of 1,100 rows have no label, and are predicted now",
    )
    # Asked about are those without an answer, with a time or not.
    assert asked.now.users.tolist() == [f"c{row}" for row in range(100, 300)]
    assert asked.train.users.tolist() == [f"c{row}" for row in range(300, 840)]
    assert asked.test.users.tolist() == [f"c{row}" for row in range(1020, 1200)]
    dated = task(tmp_path, table.assign(joined="2019-05-05"), key="customer", time="since")
    assert dated.notes[0].startswith("100 rows that are predicted have an empty 'since'")
    with pytest.raises(InputError, match="'soon' in row 366 is not a usable time"):
        task(tmp_path, table.replace({"since": {"2020-12-31": "soon"}}), time="since")


def test_a_split_by_numbers_says_that_they_are_no_dates(tmp_path):
    table = customers().assign(month=np.arange(1200))
    with pytest.raises(InputError, match="`earliest_time: 1970-01-01`"):
        task(tmp_path, table, time="month")
    asked = task(tmp_path, table, key="customer", time="month", earliest_time="1970-01-01")
    assert asked.test.users.tolist() == [f"c{row}" for row in range(960, 1200)]


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"label": "churn"}, r"no column 'churn' \(table.label\). Did you mean 'churned'"),
        ({"churned": "No"}, {}, "has one value only, 'no'"),
        ({}, {"positive": "left"}, "no 'churned' is 'left'"),
        ({"churned": ["in", "out"] * 600}, {}, "name in table.positive"),
        ({}, {"label": "customer"}, "has 1,200 different texts"),
        (
            {},
            {"leave_out": ["customer", "months", "contract", "calls", "fee", "spent"]},
            "no column is left",
        ),
        (
            {},
            {
                "key": "customer",
                "leave_out": ["months", "contract", "calls", "fee", "spent", "same"],
            },
            "no column is left",
        ),
        ({"since": "soon"}, {"time": "since"}, "'since' .table.time.: 'soon' in row 1 is not a"),
        ({"since": "04/22/2014"}, {"time": "since"}, r'`time_format: "%m/%d/%Y"`'),
        ({"since": [0] * 600 + [10**9] * 600}, {"time": "since"}, "600 of 1,200.*0 or less"),
        (
            {"since": [10**9] * 600 + [10**12] * 600},
            {"time": "since"},
            "'since' .table.time. mixes units: 50 %",
        ),
        (
            {"country": ["CH", "AT", "DE"] * 400},
            {"key": "country"},
            r"1,200 rows .*, and 'country' \(table.key\) has 3 different values in them; at "
            "least 50 users are needed",
        ),
        (
            {"churned": ["Yes", "No"] + [""] * 1198},
            {},
            r"2 rows have a label \('churned', table.label\); at least 50 users are needed",
        ),
        ({}, {"key": "churned"}, "'churned' has two roles, table.label and table.key"),
        (
            {"since": "2024-01-01"},
            {"time": "since", "times": {"since": "%Y-%m-%d"}},
            "'since' has two roles, table.time and table.times",
        ),
        (
            {"since": ["2024-01-31", "2024-02-29"] * 600},
            {"time": "since"},
            r"'since' \(table.time\) has 2 different times in .*: 3 are needed",
        ),
        ({"probability": [0.1, 0.2] * 600}, {}, "'probability' has the name of a column of the"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path, change, settings, message):
    with pytest.raises(InputError, match=message):
        task(tmp_path, customers().assign(**change), **settings)


def test_a_column_that_follows_from_the_answer_stops_the_selection(tmp_path):
    table = customers()
    table["last_bill"] = np.where(table["churned"] == "Yes", "final", "monthly")
    with pytest.raises(InputError, match="'last_bill' tells the labels apart"):
        select_model(task(tmp_path, table, key="customer"), EstimatorsConfig(estimators=["linear"]))


def test_ids_have_the_form_that_they_have_in_a_log(tmp_path):
    asked = task(tmp_path, customers(100).assign(customer=np.arange(100.0)), key="customer")
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
    asked = task_of_table(LabelledTableConfig.model_validate(given), seed=1)
    assert asked.objective == Binary("table.label: churned")
    parts = (asked.train, asked.validation, asked.test)
    assert set(pd.concat([part.users for part in parts])) == set(map(str, whole[1:]))
    assert set(asked.train.features["plan"]) == {"month", "year", "two years"}
    assert asked.train.features["months"].dtype == float
    assert asked.notes[0] == "rows left out for an empty 'customer' (table.key): 1"


def test_values_that_are_not_numbers_are_told(tmp_path):
    table = customers().astype({"fee": str, "months": str, "calls": str, "spent": str})
    table.loc[table.index[:12], "fee"] = "$12.00"
    table.loc[table.index[:400], "months"] = "\u2014"
    table.loc[table.index[:30], "calls"] = ["1e200", "n/a", "NULL"] * 10
    table["spent"] = [f"1.100,{row % 100:02}" for row in range(1200)]
    table["visits"] = np.where(table.index < 500, "some", table.index.astype(str))
    asked = task(tmp_path, table, key="customer")
    features = pd.concat([part.features for part in (asked.train, asked.validation, asked.test)])
    assert (features["fee"] == 12).sum() >= 12 and features["fee"].notnull().all()
    assert features["months"].isnull().sum() == 400
    assert features["calls"].isnull().sum() == 30
    assert features["spent"].between(1100, 1101).all()
    notes = dict(note.split(": ", 1) for note in asked.notes if note.startswith("'"))
    assert notes == {
        "'fee'": "read as amounts in USD: '$12.00' is 12",
        "'months'": "'\u2014' counts as missing (400 rows)",
        "'calls'": "10 of 1,180 values cannot be read, such as '1e200', and count as missing",
        "'spent'": 'read as numbers with `decimal: ","` and `thousands: "."`: \'1.100,99\' is '
        "1100.99",
        "'visits'": "500 of 1,200 values are not numbers, such as 'some', and make the column one "
        "of categories",
    }
    read = task(
        tmp_path, table[["customer", "spent", "churned"]], decimal=",", thousands=".",
        key="customer",
    )  # fmt: skip
    assert read.train.features["spent"].dtype == float
    assert read.notes == ()


def buyers(rows: int = 2000) -> pd.DataFrame:
    """Who has much and came lately buys: by numbers, and as a German spreadsheet writes them."""
    generator = np.random.default_rng(3)
    table = pd.DataFrame({"balance": generator.normal(1500, 900, rows).round(2)})
    table["day"] = generator.integers(18_262, 19_723, rows)
    score = (table["balance"] - 1500) / 900 + (table["day"] - 19_000) / 430 - 0.5
    table["y"] = np.where(generator.random(rows) < 1 / (1 + np.exp(-score)), "yes", "no")
    return table


def auc(asked) -> dict[str, float]:
    return select_model(asked, EstimatorsConfig(estimators=["linear", "gradient_boosting"])).test[
        "auc"
    ]


@pytest.mark.nightly
@pytest.mark.slow
def test_dates_and_money_tell_as_much_as_the_numbers_themselves(tmp_path):
    numbers = buyers()
    expected = auc(task(tmp_path, numbers, label="y"))
    assert expected["low"] > 0.65
    dates = pd.to_datetime(numbers["day"], unit="D")
    english = numbers["balance"].map("{:,.2f}".format)
    written = numbers.assign(
        balance=english.str.translate(str.maketrans(",.", ".,")) + " €",
        day=dates.dt.strftime("%Y-%m-%d"),
    )
    asked = task(tmp_path, written, label="y")
    assert auc(asked) == expected
    by_column = dict(note.split(": ", 1) for note in asked.notes)
    assert by_column["'balance'"].startswith('read as amounts in EUR with `decimal: ","`')
    assert by_column["'day'"] == f"read as dates, in days since 1970, such as {written['day'][0]!r}"
    spoken = written.assign(
        balance=english.where(numbers["balance"] > 0, "(" + english.str.lstrip("-") + ")"),
        day=dates.dt.strftime("%d %b %Y"),
    )
    assert auc(task(tmp_path, spoken, label="y")) == expected


@pytest.mark.nightly
@pytest.mark.slow
def test_rows_of_one_user_tell_no_more_than_one_of_them(tmp_path):
    table = customers(600).drop(columns="spent")
    once = auc(task(tmp_path, table, key="customer"))
    thrice = pd.concat([table] * 3, ignore_index=True)
    for settings in ({"key": "customer"}, {"leave_out": ["customer"]}):
        asked = task(tmp_path, thrice, **settings)
        found = auc(asked)
        assert once["low"] < found["value"] < once["high"]
        if "key" in settings:
            parts = [set(part.users) for part in (asked.train, asked.validation, asked.test)]
            assert sum(map(len, parts)) == len(set.union(*parts)) == 600
            # An interval over users is not narrower for their copies.
            assert found["high"] - found["low"] > 0.8 * (once["high"] - once["low"])
        else:
            assert asked.notes[-1] == (
                "1,200 of 1,800 rows equal an earlier one in each feature and the label: taken "
                "as copies, and kept on one side of the split, but intervals count each. If rows "
                "are of the same users, name the column of their ids in table.key"
            )


def test_dates_are_held_to_the_rows_own_time(tmp_path):
    table = customers().drop(columns="spent")
    table["asked"] = pd.date_range("2022-01-01", periods=1200).astype(str)
    table["joined"] = (
        pd.to_datetime(table["asked"]) - pd.to_timedelta(table["months"], "D")
    ).dt.date
    asked = task(tmp_path, table, key="customer", time="asked")
    assert (asked.train.features["joined"] == asked.train.features["months"]).all()
    assert "'joined': read as dates, in days before the row's own time" in asked.notes[0]


def test_the_format_of_dates_can_be_said(tmp_path):
    table = customers().drop(columns="spent")
    table["joined"] = np.where(table["months"] > 20, "01/02/2024", "02/03/2024")
    asked = task(tmp_path, table, key="customer")
    assert "joined" in asked.train.features and "'01/02/2024' may be" in "".join(asked.notes)
    asked = task(tmp_path, table, key="customer", times={"joined": "%d/%m/%Y"})
    days = asked.train.features["joined"].to_numpy()
    months = asked.train.features["months"].to_numpy()
    assert (days == np.where(months > 20, 19_754, 19_784)).all()
    with pytest.raises(InputError, match=r"'joined' \(table.times\): 1,200 of 1,200 values"):
        task(tmp_path, table, key="customer", times={"joined": "%d.%m.%Y"})


@pytest.mark.parametrize(
    ("most", "few"), [("%d.%m.%Y", "%Y-%m-%d"), ("%Y-%m-%d", "%d.%m.%Y"), ("%d/%m/%Y", "%Y-%m-%d")]
)
def test_dates_written_in_two_ways_are_told(tmp_path, most, few):
    table = customers(600)[["customer", "fee", "churned"]]
    days = pd.Series(pd.date_range("2024-01-01", periods=600, freq="D"))
    table["joined"] = days.dt.strftime(most).where(days.index % 3 > 0, days.dt.strftime(few))
    asked = task(tmp_path, table, key="customer")
    odd = table["joined"][0]
    assert (
        f"'joined': 200 of 600 values are not dates, such as {odd!r}, and make the column one of "
        "categories"
    ) in asked.notes


def test_calendar_dates_as_numbers_are_dates_with_a_fraction_too(tmp_path):
    table = customers(400).drop(columns="spent")
    joined = pd.to_datetime("2023-12-31") + pd.to_timedelta(table["months"], "D")
    table["joined"] = joined.dt.strftime("%Y%m%d.0")
    for times in ({}, {"joined": "%Y%m%d"}):
        asked = task(tmp_path, table, key="customer", times=times)
        months = asked.train.features["months"]
        assert (asked.train.features["joined"] == 19_722 + months).all()


def test_columns_of_a_typed_table(tmp_path):
    """Timestamps are dates, a decimal is a number whatever the format, and lists are named."""
    table = customers(400)
    joined = pd.date_range("2024-01-01", periods=400, freq="12h", tz="Europe/Berlin")
    columns = {
        "churned": pa.array(table["churned"] == "Yes"),
        "joined": pa.array(joined),
        "born": pa.array(joined.date),
        "fee": pa.array(table["fee"]).cast(pa.decimal128(12, 3)),
        "rate": pa.array(np.where(table["calls"] > 3, np.inf, table["calls"] / 8)),
        "plan": pa.array(table["contract"]).dictionary_encode(),
        "month": pa.array([20240101 + row % 28 for row in range(400)]),
        "month_or_none": pa.array([20240101.0 + row % 28 for row in range(399)] + [None]),
        "price": pa.array([20240101.5 + row % 28 for row in range(400)]),
        "tags": pa.array([["a"]] * 400),
        "place": pa.array([{"city": "b"}] * 400),
    }
    pq.write_table(pa.table(columns), tmp_path / "customers.parquet")
    given = {"path": str(tmp_path / "customers.parquet"), "label": "churned", "decimal": ","}
    asked = task_of_table(
        LabelledTableConfig.model_validate(given | {"thousands": ".", "positive": True}), seed=1
    )
    features = pd.concat([part.features for part in (asked.train, asked.validation, asked.test)])
    users = pd.concat([part.users for part in (asked.train, asked.validation, asked.test)])
    features = features.set_axis(users.astype(int) - 1).sort_index()
    assert features["joined"].iloc[1] == 19_723 + 11 / 24
    assert features["born"].iloc[2] == 19_724
    assert np.allclose(features["fee"], table["fee"])
    assert features["rate"].isnull().sum() == (table["calls"] > 3).sum()
    assert features["plan"].tolist() == table["contract"].tolist()
    assert features["month"].iloc[27] == features["month_or_none"].iloc[27] == 19_750
    assert np.isnan(features["month_or_none"].iloc[399])
    assert features["price"].iloc[27] == 20240128.5
    assert {"tags", "place"}.isdisjoint(features)
    assert "'tags', 'place': left out, as lists and records are not features" in "; ".join(
        asked.notes
    )


@pytest.mark.parametrize("positive", [True, "Yes", "yes", "true"])
def test_yes_is_yes_however_it_is_written(tmp_path, positive):
    asked = task(tmp_path, customers(200), key="customer", positive=positive)
    assert asked.train.target.sum() == (customers(200)["churned"] == "Yes").sum() * 0.6 // 1


@pytest.mark.parametrize("positive", [1, 1.0, "1", "1.0"])
def test_a_number_may_mean_yes(tmp_path, positive):
    table = customers(200)
    table["churned"] = np.where(table["churned"] == "Yes", 1, 2)
    asked = task(tmp_path, table, key="customer", positive=positive)
    assert 0 < asked.train.target.mean() < 1
    assert asked.objective.setting == f"table.label: churned, positive: {positive}"


def test_a_forgotten_key_is_named(tmp_path):
    generator = np.random.default_rng(0)
    table = customers(300)[["customer", "fee"]].loc[np.repeat(np.arange(300), 5)]
    table["visits"] = generator.normal(3, 1, 1500)
    table["churned"] = np.repeat(np.where(generator.random(300) < 0.4, "Yes", "No"), 5)
    hint = (
        "'customer' has 300 values in 1,500 rows, and rows with the same one mostly have the same "
        "label: if these are users, name it in table.key; as it is, a user may be both trained "
        "on and tested on"
    )
    assert task(tmp_path, table).notes == (
        "columns left out, as each of their texts is in fewer than 20 of the rows that are learned "
        "from: 'customer'; if one has the users' ids, name it in table.key",
        hint,
    )
    numbered = table.assign(customer=table["customer"].str[1:])
    assert task(tmp_path, numbered).notes == (hint,)
    assert hint not in task(tmp_path, table, key="customer").notes
