import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from tests.data.conftest import COLUMNS, SMALL_LOG

ROLES = {**COLUMNS, "value": "value", "order": "order"}
BAD_ROWS = [
    (",x,1,1,1", "empty user"),
    ("a, ,1,1,1", "empty item"),
    ("a,x,,1,1", "missing time"),
    ("a,x,soon,1,1", "unparseable time"),
    ("a,x,1,much,1", "non-numeric value"),
    ("a,x,1,-1,1", "value below minimum"),
    ("a,x,1,,1", "missing value"),
    ("a,x,1,1,", "missing order"),
    ("a,x,1,1,later", "non-numeric order"),
    ("a,x,1,1,-1", "order below minimum"),
]


def test_every_reason_is_counted_and_kept_aside(write, prepared):
    good = [f"{line},1,1" for line in SMALL_LOG.splitlines()[1:]]
    rows = ["user,item,time,value,order", *(row for row, _ in BAD_ROWS), *good]
    options = {"columns": ROLES, "minimum_value": 0, "minimum_order": 0, "max_quarantined": 0.9}
    path = write("log.csv", "\n".join(rows) + "\n")
    dataset = prepared(path, log=options)
    quality = dataset.manifest.quality
    assert quality["rows_read"] == len(BAD_ROWS) + len(good)
    assert quality["rows_kept"] == dataset.events == len(good)
    assert quality["quarantined"] == {reason: 1 for _, reason in BAD_ROWS}
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    assert [(row["row"], row["reason"]) for row in kept] == [
        (number + 1, reason) for number, (_, reason) in enumerate(BAD_ROWS)
    ]
    assert kept[3] == {"row": 4, "reason": "unparseable time", "user": "a", "item": "x",
                       "time": "soon", "value": "1", "order": "1",
                       "file": str(path), "line": 5, "raw": None}  # fmt: skip


def test_lines_that_are_no_rows_are_counted_and_kept_aside(write, prepared):
    header, *lines = SMALL_LOG.splitlines()
    bad = ['a,"TV" 32",1', "a,x", "a,x,1,1"]
    path = write("log.csv", "\n".join([header, ",x,1", *lines[:6], *bad, *lines[6:]]) + "\n")
    told = r"4 of 14 rows .* for: wrong number of cells\. .* line 10 of .*log\.csv: 'a,x'\. "
    with pytest.raises(InputError, match=told + r".*`delimiter`"):
        prepared(path, log={"max_quarantined": 0.2})
    dataset = prepared(path, log={"max_quarantined": 0.3})
    quality = dataset.manifest.quality
    assert (quality["rows_read"], quality["rows_kept"], dataset.events) == (14, 10, 10)
    assert quality["quarantined"] == {
        "wrong number of cells": 2, "empty user": 1, "broken quotes": 1,
    }  # fmt: skip
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    assert [(row["row"], row["line"], row["raw"]) for row in kept] == [
        (1, 2, None), (None, 9, bad[0]), (None, 10, bad[1]), (None, 11, bad[2]),
    ]  # fmt: skip
    assert {row["file"] for row in kept} == {str(path)}


def test_money_is_quantity_times_price(write, prepared):
    """Returns are negative quantities, and `minimum_value` is of the money."""
    bad = [
        ("a,x,1,2.5,", "missing quantity"),
        ("a,x,1,2.5,some", "non-numeric quantity"),
        ("a,x,1,cheap,2", "non-numeric value"),
        ("a,x,1,,2", "missing value"),
        ("a,x,1,2.5,-4", "value below minimum"),
        ("a,x,1,0.5,4", "value below minimum"),
    ]
    good = [f"{line},2.5,{n}" for n, line in enumerate(SMALL_LOG.splitlines()[1:], start=1)]
    text = "\n".join(["user,item,time,price,pieces", *(row for row, _ in bad), *good])
    options = {
        "columns": {**COLUMNS, "value": "price", "quantity": "pieces"},
        "minimum_value": 2.5,
    }
    dataset = prepared(write("log.csv", text), log=options)
    values = np.load(dataset.path / "event_values.npy")
    assert values.tolist() == [2.5 * n for n in (1, 3, 5, 7, 9, 2, 4, 6, 8, 10)]
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    assert [row["reason"] for row in kept] == [reason for _, reason in bad]
    assert kept[1]["quantity"] == "some"


def test_returns_that_count_as_events_are_told(write, prepared):
    lines = [f"{line},2.5,1" for line in SMALL_LOG.splitlines()[1:]]
    text = "\n".join(["user,item,time,price,pieces", *lines[1:], lines[0][:-1] + "-1"])
    columns = {**COLUMNS, "value": "price", "quantity": "pieces"}
    kept = prepared(write("log.csv", text), log={"columns": columns}).manifest.quality
    (note,) = [note for note in kept["notes"] if "negative value" in note]
    assert f"1 of {len(lines)}" in note and "`minimum_value` of 0.01" in note
    options = {"columns": columns, "minimum_value": 0.01}
    left = prepared(write("other.csv", text), log=options).manifest.quality
    assert not [note for note in left["notes"] if "negative value" in note]
    assert left["quarantined"] == {"value below minimum": 1}


def test_quantities_that_are_no_numbers_in_typed_files(tmp_path, prepared):
    rows = [line.split(",") for line in SMALL_LOG.splitlines()[1:]]
    log = pd.DataFrame(rows, columns=["user", "item", "time"]).assign(price=2.0, pieces=3.0)
    log["time"] = log["time"].astype(int)
    log.loc[0, "pieces"] = np.nan
    log.loc[1, "price"] = np.nan  # without `minimum_value`, an event without money is one
    log.to_parquet(tmp_path / "log.parquet")
    columns = {**COLUMNS, "value": "price", "quantity": "pieces"}
    dataset = prepared(tmp_path / "log.parquet", log={"columns": columns})
    assert dataset.manifest.quality["quarantined"] == {"missing quantity": 1}
    values = np.load(dataset.path / "event_values.npy")
    np.testing.assert_array_equal(values, [6.0] * 4 + [np.nan] + [6.0] * 4)


def test_wrong_settings_are_refused_with_an_example(write, prepared, tmp_path):
    path = write("log.csv", "user,item,time\n" + "a,x,13.5.2020\nb,y,14.5.2020\n" * 3)
    with pytest.raises(
        InputError, match=r"6 of 6 rows.*unparseable time.*13\.5\.2020.*time_format"
    ):
        prepared(path)
    assert list((tmp_path / "datasets").iterdir()) == []


DATED_LOG = SMALL_LOG.replace(",10", ",2014-01-0").replace("-00", "-10")
TODAY = {"earliest_time": "1990-01-01"}


def test_times_that_cannot_be_are_set_aside(write, prepared):
    rows = ["a,x,0", "a,x,-1", "a,x,0020-01-05", "b,y,2100-01-01"]
    dataset = prepared(write("log.csv", DATED_LOG + "\n".join(rows)), log=TODAY)
    quality = dataset.manifest.quality
    assert quality["quarantined"] == {"time before 1990": 3, "time in the future": 1}
    assert quality["rows_kept"] == 10
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    assert [row["time"] for row in kept] == ["0", "-1", "0020-01-05", "2100-01-01"]
    span = dataset.manifest.split["span"]
    assert span["train"]["first"] == "2014-01-01T00:00:00Z"
    assert span["test"]["last"] == "2014-01-10T00:00:00Z"


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([16_071 + day for day in range(10)], "10 of 10 rows.*before 1990.*`time_unit: days`"),
        ([1000 * step for step in range(10)], "before 1990.*`earliest_time: 1970-01-01`"),
        ([f"14-01-{day:02}" for day in range(10, 20)], 'before 1990.*`time_format: "%y-%m-%d"`'),
        ([(1_388_534_400 + n) * (1 if n < 4 else 1000) for n in range(10)],
         "the time column, mixes units: 60 % look like milliseconds .*, 40 % .*seconds"),
        (["2100-01-01"] * 6 + ["2014-01-01"] * 4, "6 of 10 rows.*in the future.*`latest_time`"),
    ],
)  # fmt: skip
def test_logs_whose_times_cannot_be_are_refused_with_the_cause(write, prepared, times, message):
    lines = [line.rsplit(",", 1)[0] for line in SMALL_LOG.splitlines()[1:]]
    rows = [f"{line},{time}" for line, time in zip(lines, times, strict=True)]
    with pytest.raises(InputError, match=f"log.csv.*{message}"):
        prepared(write("log.csv", "\n".join(["user,item,time", *rows])), log=TODAY)


def test_share_that_is_bearable(write, prepared):
    path = write("log.csv", SMALL_LOG + ",x,1\n" * 2)
    with pytest.raises(InputError, match="2 of 12 rows cannot be used, 2 of them for: empty user"):
        prepared(path, log={"max_quarantined": 0.1})
    assert prepared(path, log={"max_quarantined": 0.2}).events == 10


def test_filters_that_were_asked_for_do_not_refuse(write, prepared):
    rows = "user,item,time,value\n" + "".join(
        f"{line},{n - 6}\n" for n, line in enumerate(SMALL_LOG.splitlines()[1:])
    )
    options = {"columns": {**COLUMNS, "value": "value"}, "minimum_value": 1, "max_quarantined": 0}
    quality = prepared(write("log.csv", rows), log=options, split=EARLY).manifest.quality
    assert quality["quarantined"] == {"value below minimum": 7}


EARLY = {"kind": "time", "validation_quantile": 0.3, "test_quantile": 0.6}


def test_event_types_need_a_weight(write, prepared):
    lines = SMALL_LOG.splitlines()
    rows = [lines[0] + ",type", *(f"{line},{'buy' if n % 3 else 'view'}" for n, line in
                                  enumerate(lines[1:]))]  # fmt: skip
    path = write("log.csv", "\n".join(rows))
    columns = {**COLUMNS, "event": "type"}
    with pytest.raises(InputError, match=r"without a weight: 'view' \(4 rows\)"):
        prepared(path, log={"columns": columns, "event_weights": {"buy": 2}})
    weights = {"buy": 2, "view": 0}
    dataset = prepared(path, log={"columns": columns, "event_weights": weights})
    assert sorted(dataset.event_weights.tolist()) == [0.0] * 4 + [2.0] * 6
    assert len(dataset.queries("test").target_items) == 2


def test_event_types_can_be_dropped(write, prepared):
    """A search without an item, or of no time, is not held against the log."""
    lines = SMALL_LOG.splitlines()
    rows = [f"{lines[0]},type", *(f"{line},buy" for line in lines[1:])]
    rows += ["a,,soon,search", "b,shoes,2,search"] * 20
    log = {"columns": {**COLUMNS, "event": "type"}, "event_weights": {"buy": 1, "search": None}}
    dataset = prepared(write("log.csv", "\n".join(rows)), log={**log, "max_quarantined": 0})
    assert dataset.events == 10 and sorted(dataset.item_ids) == ["w", "x", "y", "z"]
    assert dataset.manifest.quality["quarantined"] == {"event type dropped": 40}
    assert pq.read_table(dataset.path / "quarantine.parquet").num_rows == 0


WHERE = "country = 'DE' AND TRY_CAST(pieces AS INT) > 0"


def test_a_condition_on_rows(write, prepared):
    """Unknown is no; what is left out is counted, not judged, and rows keep their numbers."""
    lines = SMALL_LOG.splitlines()
    rows = [f"{lines[0]},country,pieces", "a,,never,FR,1", "c,v,7,DE,none", "c,v,7,,3"]
    rows += [*(f"{line},DE,{n + 1}" for n, line in enumerate(lines[1:])), ",x,1,DE,1"]
    path = write("log.csv", "\n".join(rows))
    dataset = prepared(path, log={"where": WHERE, "max_quarantined": 0.1})
    assert dataset.user_ids == ["a", "b"] and dataset.events == 10
    quality = dataset.manifest.quality
    assert quality["quarantined"] == {"left out by where": 3, "empty user": 1}
    assert quality["rows_read"] == 14
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    unread = {"file": str(path), "line": 15, "raw": None}
    given = {"user": None, "item": "x", "time": "1"}
    assert kept == [{"row": 14, "reason": "empty user", **given, **unread}]
    # One of the eleven rows that are wanted is unusable, whatever is left out.
    with pytest.raises(InputError, match="1 of 11 rows cannot be used, 1 of them for: empty user"):
        prepared(path, log={"where": WHERE, "max_quarantined": 0.09})


def test_times_are_not_guessed_from_rows_that_are_left_out(write, prepared):
    """Of a few rows in seconds and many in milliseconds, seconds are asked for."""
    lines = SMALL_LOG.splitlines()
    rows = [f"{lines[0]},source", *(f"{line},shop" for line in lines[1:])]
    rows += [f"a,x,{1_600_000_000_000 + n},web" for n in range(50)]
    dataset = prepared(write("log.csv", "\n".join(rows)), log={"where": "source = 'shop'"})
    assert dataset.event_times[0] == 100 * 10**6


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("pieces > 0", r"log\.csv: data\.log\.where: .*Cannot compare.*TRY_CAST"),
        ("CAST(pieces AS INT) > 0", r"data\.log\.where cannot be computed .*'none'.*TRY_CAST"),
        ("random() > 0.5", "could not be repeated"),
        ("pieces = 'all'", "none of 2 rows is left, 2 for: left out by where. Check `where`"),
        ("pices = '1'", "the columns user, item, time, pieces: there is no column 'pices'"),
    ],
)
def test_conditions_that_do_not_fit_the_log(write, prepared, where, message):
    path = write("log.csv", "user,item,time,pieces\na,x,1,1\nb,y,2,none\n")
    with pytest.raises(InputError, match=message):
        prepared(path, log={"where": where})


def with_values(values):
    lines = SMALL_LOG.splitlines()[1:]
    rows = [f'{line},"{value}"' for line, value in zip(lines, values, strict=True)]
    return "\n".join(["user,item,time,value", *rows])


VALUED = {**COLUMNS, "value": "value"}


@pytest.mark.parametrize(
    ("odd", "number", "settings", "hint"),
    [
        ("1,100.50", 1100.5, {"thousands": ","}, 'set `thousands: ","`'),
        ("1.100,50", 1100.5, {"decimal": ",", "thousands": "."},
         'set `decimal: ","` and `thousands: "."`'),
        ("0,50", 0.5, {"decimal": ","}, 'set `decimal: ","`'),
        ("$1.50", 1.5, {"currency": "$"}, 'set `currency: "$"`'),
    ],
)  # fmt: skip
def test_how_numbers_are_written_is_hinted_at_and_can_be_said(
    write, prepared, odd, number, settings, hint
):
    path = write("log.csv", with_values([odd, odd, *["3"] * 8]))
    report = prepared(path, log={"columns": VALUED}).manifest.quality
    assert report["quarantined"] == {"non-numeric value": 2}
    assert report["notes"] == [
        f"rows left out for non-numeric value: 2, such as '{odd}'; {hint} to read them as numbers"
    ]
    with pytest.raises(InputError, match=f"2 of them for: non-numeric value, such as.*{hint[:12]}"):
        prepared(path, log={"columns": VALUED, "max_quarantined": 0.1})
    read = prepared(path, log={"columns": VALUED, **settings})
    assert read.manifest.quality["quarantined"] == {}
    values = np.load(read.path / "event_values.npy")
    assert sorted(values.tolist()) == sorted([number, number, *[3.0] * 8])


def test_numbers_beyond_what_is_stored_are_out_of_range(write, prepared):
    path = write("log.csv", with_values(["1e200", "-1e39", "1e400", "inf", *["1e38"] * 6]))
    report = prepared(path, log={"columns": VALUED}).manifest.quality
    assert report["quarantined"] == {"value out of range": 3, "non-numeric value": 1}


@pytest.mark.parametrize("kind", ["text", pa.int64(), pa.uint64(), pa.decimal128(38, 0)], ids=str)
def test_large_orders_do_not_tie(tmp_path, prepared, kind):
    """Neighbours beyond 2**53 are one number as floats, and would stay in the order of rows."""
    order = [2**60 - row for row in range(10)]
    rows = [line.split(",")[:2] for line in SMALL_LOG.splitlines()[1:]]
    log = pd.DataFrame(rows, columns=["user", "item"])
    if kind == "text":
        path = tmp_path / "log.csv"
        log.assign(order=order).to_csv(path, index=False)
    else:
        path = tmp_path / "log.parquet"
        table = pa.Table.from_pandas(log)
        pq.write_table(table.append_column("order", pa.array(order).cast(kind)), path)
    columns = {"user": "user", "item": "item", "order": "order"}
    dataset = prepared(path, log={"columns": columns}, split={"kind": "leave_one_out"})
    items = [dataset.item_ids[i] for i in np.load(dataset.path / "event_items.npy")]
    assert items == [*"xwzyx", *"xwyzx"]


def test_orders_too_large_are_out_of_range(write, prepared):
    rows = [f"{line},{n}" for n, line in enumerate(SMALL_LOG.splitlines()[1:])]
    path = write("log.csv", "\n".join(["user,item,time,order", *rows, f"a,x,1,{10**20}"]))
    report = prepared(path, log={"columns": {**COLUMNS, "order": "order"}}).manifest.quality
    assert report["quarantined"] == {"order out of range": 1}


def test_times_with_and_without_a_zone_are_told_apart(write, prepared):
    rows = [
        f"{user},{item},2024-01-{day:02} 10:00{'' if day % 2 else '+05:30'}"
        for day, (user, item) in enumerate(zip("ababababab", "xxyzzywwxx", strict=True), start=1)
    ]
    text = "user,item,time\n" + "\n".join(rows)
    notes = prepared(write("log.csv", text)).manifest.quality["notes"]
    assert "5 of 10 times name a zone; the others were taken as UTC (`timezone`)" in notes
    notes = prepared(write("log.csv", text.replace("+05:30", ""))).manifest.quality["notes"]
    assert not [note for note in notes if "zone" in note]


@pytest.mark.parametrize("setting", [{"time_unit": "seconds"}, {"time_format": "%Y"}])
def test_how_times_are_written_needs_a_time(write, prepared, setting):
    path = write("log.csv", SMALL_LOG)
    with pytest.raises(ValidationError, match="needs a column with the role `time`"):
        prepared(path, log={"columns": {"user": "user", "item": "item"}, **setting})
