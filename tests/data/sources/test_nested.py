"""Values within records."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG

ROLES = {"user": "who.id", "item": "event.item.id", "time": "event.time"}
ROWS = [line.split(",") for line in SMALL_LOG.splitlines()[1:]]
RECORDS = [
    {
        "who": {"id": user, "geo": {"country": "de"}},
        "event": {"item": {"id": item, "price": 1.5}, "time": int(time)},
        "tags": ["a", "b"],
    }
    for user, item, time in ROWS
]


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "csv"])
def test_a_log_of_records_is_that_of_columns(tmp_path, write, prepared, form):
    if form == "parquet":
        path = tmp_path / "log.parquet"
        pq.write_table(pa.Table.from_pylist(RECORDS), path)
    elif form == "csv":
        cells = [[str(record[key]).replace("'", '""') for key in ("who", "event")]
                 for record in RECORDS]  # fmt: skip
        text = "who,event\n" + "".join(f'"{who}","{event}"\n' for who, event in cells)
        path = write("log.csv", text)
    elif form == "json":
        path = write("log.json", str(RECORDS).replace("'", '"'))
    else:
        path = write("log.jsonl", RECORDS)
    dataset = prepared(path, log={"columns": ROLES})
    flat = prepared(write("flat.csv", SMALL_LOG))
    assert dataset.user_ids == flat.user_ids and dataset.item_ids == flat.item_ids
    assert dataset.event_items.tolist() == flat.event_items.tolist()
    assert dataset.event_times.tolist() == flat.event_times.tolist()


def test_ids_within_records_keep_every_digit(write, prepared):
    text = "".join(
        f'{{"u": {{"id": {10**17 + ord(user)}}}, "i": {{"id": "00{item}"}}, "t": {time}}}\n'
        for user, item, time in ROWS
    )
    roles = {"user": "u.id", "item": "i.id", "time": "t"}
    dataset = prepared(write("log.jsonl", text), log={"columns": roles})
    assert dataset.user_ids == [str(10**17 + ord("a")), str(10**17 + ord("b"))]
    assert set(dataset.item_ids) == {"00w", "00x", "00y", "00z"}


def test_side_tables_too(write, prepared):
    table = [{"item": {"id": item}, "about": {"brand": {"name": f"b{item}"}}} for item in "wxyz"]
    items = {
        "path": str(write("items.jsonl", table)),
        "key": "item.id",
        "title": "about.brand.name",
        "features": {"brand": {"kind": "categorical", "column": "about.brand.name"}},
    }
    dataset = prepared(write("log.csv", SMALL_LOG), items=items)
    assert sorted(dataset.vocabulary("item", "brand")) == ["bw", "bx", "by", "bz"]
    assert dataset.item_titles == [f"b{item}" for item in dataset.item_ids]


def test_a_column_whose_name_has_a_dot_is_itself(write, prepared):
    text = SMALL_LOG.replace("user,item", "user.id,item")
    dataset = prepared(write("log.csv", text), log={"columns": {**COLUMNS, "user": "user.id"}})
    assert dataset.user_ids == ["a", "b"]


COLUMNS = {"user": "user", "item": "item", "time": "time"}


def test_a_path_that_leads_nowhere_is_refused(tmp_path, write, prepared):
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "log.parquet")
    for path in (tmp_path / "log.parquet", write("log.jsonl", RECORDS)):
        for wrong in ("whom.id", "who.name"):
            with pytest.raises(InputError, match=r"user"):
                prepared(path, log={"columns": {**ROLES, "user": wrong}})
