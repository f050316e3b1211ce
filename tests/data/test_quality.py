import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.quality import case_notes
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
    dataset = prepared(write("log.csv", "\n".join(rows) + "\n"), log=options)
    quality = dataset.manifest.quality
    assert quality["rows_read"] == len(BAD_ROWS) + len(good)
    assert quality["rows_kept"] == dataset.events == len(good)
    assert quality["quarantined"] == {reason: 1 for _, reason in BAD_ROWS}
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    assert [(row["row"], row["reason"]) for row in kept] == [
        (number + 1, reason) for number, (_, reason) in enumerate(BAD_ROWS)
    ]
    assert kept[3] == {"row": 4, "reason": "unparseable time", "user": "a", "item": "x",
                       "time": "soon", "value": "1", "order": "1"}  # fmt: skip


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


def test_case_pairs_are_noted():
    notes = case_notes(pa.chunked_array([["A1", "B", "a1", "b", "c"]]), "item")
    assert notes == [
        "2 groups of item ids differ only in case and were kept apart: 'A1' and 'a1', 'B' and 'b'"
    ]
    assert case_notes(pa.chunked_array([["a", "b"]]), "item") == []


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
