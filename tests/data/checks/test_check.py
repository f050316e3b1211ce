"""Each check by a log in which one thing is odd."""

import numpy as np
import pytest

from recsys.data.checks.check import check_dataset, refuse_beyond
from recsys.data.checks.finding import without_users
from recsys.data.limits import LimitsConfig
from recsys.data.prepare.config import DataConfig
from recsys.errors import InputError
from recsys.runs.preparation import prepare_dataset
from tests.data.conftest import COLUMNS, CUTS, RELATIVE, SMALL_LOG

HEADER, *GOOD = SMALL_LOG.splitlines()
DAY = 86_400


def findings(dataset, **limits):
    """By check; the last where a check has several."""
    found = check_dataset(dataset, LimitsConfig(**limits))
    return {finding.check: finding for finding in found}


def numbers(finding):
    return finding.count, finding.of, finding.severity


def test_a_log_in_which_nothing_is_odd_has_no_warning(write, prepared):
    dataset = prepared(write("log.csv", SMALL_LOG))
    # One event in six of a user is a large share: `x` has both test events but one of three.
    assert {f.check for f in check_dataset(dataset, LimitsConfig())} <= {"item_drift", "new_items"}


@pytest.mark.parametrize(
    ("row", "reason", "mend"),
    [
        (",x,1", "empty user", "null_values"),
        ("a,,1", "empty item", "null_values"),
        ("a,x,", "missing time", "columns.time"),
        ("a,x,soon", "unparseable time", "time_format"),
        ("a,x,-9999999999", "time before", "earliest_time"),
        ("a,x,99999999999", "time in the future", "latest_time"),
        ("a,x", "wrong number of cells", "delimiter"),
        ('a,"x,1', "broken quotes", "quote"),
    ],
)
def test_rows_that_are_left_out(write, prepared, row, reason, mend):
    dataset = prepared(write("log.csv", "\n".join([HEADER, *GOOD[:4], row, *GOOD[4:], ""])))
    found = findings(dataset)["max_quarantined"]
    assert found.what.startswith(f"rows left out: {reason}")
    assert numbers(found) == (1, 11, "warning")
    assert found.example.startswith("line 6 of log.csv: ") and mend in found.mend


def test_rows_that_were_not_wanted_are_notes(write, prepared):
    dataset = prepared(write("log.csv", SMALL_LOG), log={"where": "item <> 'w'"})
    found = findings(dataset)["max_quarantined"]
    assert numbers(found) == (2, 10, "note") and found.example == ""


def test_rows_that_repeat(write, prepared):
    dataset = prepared(write("log.csv", "\n".join([HEADER, *GOOD, GOOD[0], GOOD[1]])))
    assert numbers(findings(dataset)["repeated_rows"]) == (2, 12, "warning")


@pytest.mark.parametrize(("step", "unit"), [(60, "hour"), (0, "day")])
def test_users_who_are_faster_than_people(write, prepared, step, unit):
    """Forty events in one hour; of a log of whole days, in one day."""
    scale = 1 if step else DAY
    lines = [f"{user},{item},{int(t) * scale}" for user, item, t in (r.split(",") for r in GOOD)]
    lines += [f"bot's,i{n % 4},{DAY * 3 + n * step}" for n in range(40)]
    cuts = {"validation_from": "1970-04-16", "test_from": "1970-04-18"}
    split = CUTS if step else {"kind": "time", **cuts}
    dataset = prepared(write("log.csv", "\n".join([HEADER, *lines])), split=split)
    assert "fast_events" not in findings(dataset)
    found = findings(dataset, fast_rate=39)["fast_events"]
    assert numbers(found) == (40, 50, "warning")
    assert f'"bot\'s" (40 in one {unit})' in found.example
    # What is told to be done works.
    condition = found.mend.partition("data.log.where: ")[2].partition("`")[0]
    assert condition == "\"user\" NOT IN ('bot''s')"
    left = prepared(dataset.source["log"]["path"], log={"where": condition}, split=split)
    assert left.events == 10 and "fast_events" not in findings(left, fast_rate=39)


def test_what_happened_once(write, prepared):
    dataset = prepared(write("log.csv", "\n".join([HEADER, *GOOD, "c,new,101"])))
    found = findings(dataset)
    assert numbers(found["single_event_users"]) == (1, 3, "note")
    assert found["single_event_users"].example == "'c'"
    assert numbers(found["single_event_items"]) == (1, 5, "note")
    assert found["single_event_items"].mend == "`data.minimum_item_events: 2`"


@pytest.mark.parametrize("odd", ["POSTAGE", "7"])
def test_ids_of_another_form(write, prepared, odd):
    name = "{}" if odd == "POSTAGE" else "i{}"
    lines = [f"{'ab'[n % 2]},{name.format(n % 20)},{n}" for n in range(60)] + [f"a,{odd},70"]
    dataset = prepared(write("log.csv", "\n".join([HEADER, *lines])))
    found = findings(dataset)["mixed_ids"]
    assert numbers(found) == (1, 21, "warning") and found.example == repr(odd)
    # As many of one form as of the other are a habit.
    lines += [f"b,x{n},{n}" if odd == "POSTAGE" else f"b,{n},{n}" for n in range(30, 50)]
    assert "mixed_ids" not in findings(prepared(write("log.csv", "\n".join([HEADER, *lines]))))


def test_features_that_say_nothing_or_cannot_be_right(with_items):
    rows = ["id,brand,maker,size,price,none"]
    rows += [f"{item},{brand},acme,3,1," for item, brand in zip("xyzw", "ab--", strict=True)]
    rows += [f"more{n},a,acme,3,{1 + n % 2}," for n in range(200)] + ["far,a,acme,3,100000,"]
    rows = [row.replace(",-,", ",,") for row in rows]
    kinds = {"brand": "categorical", "maker": "categorical", "size": "numeric",
             "price": "numeric", "none": "categorical"}  # fmt: skip
    found = findings(with_items("\n".join(rows), features=kinds))
    constant = found["constant_features"]
    assert numbers(constant) == (3, 5, "warning")
    assert constant.example == "item feature 'maker', item feature 'size', item feature 'none'"
    assert numbers(found["missing_values"]) == (2, 205, "note")
    assert "'brand'" in found["missing_values"].what
    assert numbers(found["outliers"]) == (1, 205, "warning")
    assert found["outliers"].example == "100000"


def test_days_that_are_missing_or_there_twice(write, prepared):
    """Ten events a day; none on the fifth day, sixty on the eighth."""
    counts = [10, 10, 10, 10, 0, 10, 10, 60, 10, 10]
    times = [day * DAY + n * 60 for day, count in enumerate(counts) for n in range(count)]
    lines = [f"{'ab'[n % 2]},{'xyz'[n % 3]},{time}" for n, time in enumerate(times)]
    dataset = prepared(write("log.csv", "\n".join([HEADER, *lines])))
    found = [f for f in check_dataset(dataset, LimitsConfig()) if f.check == "volume_factor"]
    assert numbers(found[0]) == (2, 8, "warning")
    assert "1970-01-05" in found[0].example
    for most, odd in ((5.5, [(2, 8, "error")]), (20.0, [])):
        limits = LimitsConfig(volume_factor=most)
        found = [f for f in check_dataset(dataset, limits) if f.check == "volume_factor"]
        assert [numbers(each) for each in found] == odd
        assert all(f"more than {most:g} times" in each.what for each in found)


def test_what_test_has_and_training_has_not(write, prepared):
    """The last three events are of test: two of them of a new item, one by a new user."""
    lines = [*GOOD[:7], "a,new,107", "c,new,108", "b,x,109"]
    found = findings(prepared(write("log.csv", "\n".join([HEADER, *lines]))))
    assert numbers(found["new_items"]) == (2, 3, "warning")
    assert numbers(found["new_users"]) == (1, 3, "warning")
    assert found["item_drift"].value == pytest.approx(2 / 3)
    assert "'new': 0.0% of the training events, 66.7% of the test" in found["item_drift"].example


def test_limits_refuse_a_run_in_one_message(write, tmp_path):
    """They change nothing about the dataset, and each is named with what is beyond it."""
    path = write("log.csv", "\n".join([HEADER, *GOOD, GOOD[0], GOOD[1]]))
    log = {"path": str(path), "columns": COLUMNS, **RELATIVE}

    def config(**limits):
        return DataConfig.model_validate({"log": log, "split": CUTS, "limits": limits})

    plain = prepare_dataset(config(), tmp_path)
    assert prepare_dataset(config(repeated_rows=0.2), tmp_path).fingerprint == plain.fingerprint
    beyond = config(repeated_rows=0.1, single_event_users=0.5, item_drift=0)
    told = r"log\.csv is beyond 2 of the limits in `data\.limits`: .*2 of 12 \(0\.1667\).*repeats"
    with pytest.raises(InputError, match=told) as refused:
        prepare_dataset(beyond, tmp_path)
    assert "the limit `data.limits.repeated_rows` is 0.1" in str(refused.value)
    assert "the limit `data.limits.item_drift` is 0" in str(refused.value)
    found = check_dataset(plain, beyond.limits)
    assert [f.severity for f in found[:2]] == ["error", "error"]
    with pytest.raises(InputError):
        refuse_beyond(found, beyond.limits, path)


def test_logs_without_times_and_without_items(write, prepared):
    unordered = {"columns": {"user": "user", "item": "item"}}
    dataset = prepared(write("log.csv", SMALL_LOG), log=unordered, split={"kind": "random"})
    assert check_dataset(dataset, LimitsConfig())
    columns = {"user": "user", "time": "time"}
    dataset = prepared(write("log.csv", SMALL_LOG), log={"columns": columns})
    assert "single_event_items" not in findings(dataset)
    assert np.isfinite([f.value for f in check_dataset(dataset, LimitsConfig()) if f.value]).all()


def test_where_tables_of_users_are_encrypted_no_user_is_shown(write, prepared):
    dataset = prepared(write("log.csv", "\n".join([HEADER, *GOOD, "c,new,101", ",x,101"])))
    found = [without_users(finding) for finding in check_dataset(dataset, LimitsConfig())]
    shown = {finding.check: finding.example for finding in found}
    assert shown["single_event_users"] == "" == shown["max_quarantined"]
    assert shown["single_event_items"] == "'new'"
