"""One log in several forms, read as one table."""

import pyarrow as pa
import pytest

from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG
from tests.data.sources.small_log import EXPECTED, ROWS, histories, parquet


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("log.csv", SMALL_LOG, {}),
        ("log.csv.gz", SMALL_LOG, {}),
        ("log.tsv", SMALL_LOG.replace(",", "\t"), {}),
        ("log.txt", SMALL_LOG.replace(",", ";"), {}),
        ("log.csv", SMALL_LOG.replace(",", "|"), {"delimiter": "|"}),
        ("log.dat", SMALL_LOG.replace(",", "::"), {}),
        ("bom.csv", b"\xef\xbb\xbf" + SMALL_LOG.encode(), {}),
        ("windows.csv", SMALL_LOG.replace("\n", "\r\n"), {}),
        ("wide.csv", SMALL_LOG.encode("utf-16"), {"encoding": "utf-16"}),
        (
            "headerless.csv",
            SMALL_LOG.split("\n", 1)[1],
            {"column_names": ["user", "item", "time"]},
        ),
        ("log.jsonl", ROWS, {}),
        ("log.ndjson.gz", ROWS, {}),
        ("log.parquet", parquet(), {}),
        ("typed.parquet", parquet(time=pa.int64()), {}),
        ("log.pq", parquet(time=pa.float64()), {}),
        ("log.unknown", SMALL_LOG, {"format": "csv"}),
    ],
)
def test_formats_read_the_same(write, prepared, name, content, options):
    assert histories(prepared(write(name, content), log=options)) == EXPECTED


def test_folder_of_parts(write, prepared, tmp_path):
    header, *lines = SMALL_LOG.splitlines(keepends=True)
    write("parts/1.csv", header + "".join(lines[:5]))
    write("parts/2.csv", header + "".join(lines[5:]))
    assert histories(prepared(tmp_path / "parts")) == EXPECTED


def test_any_column_names(write, prepared):
    renamed = SMALL_LOG.replace("user,item,time", "Who is it,Ware,am/um")
    columns = {"user": "Who is it", "item": "Ware", "time": "am/um"}
    assert histories(prepared(write("log.csv", renamed), log={"columns": columns})) == EXPECTED


def test_ids_keep_their_form(write, prepared):
    rows = "user,item,time\n" + "".join(
        f"{user},{item},{time}\n"
        for time, (user, item) in enumerate(
            [("007", "1e5"), (" 17850.0", '"a, b"'), ("17850", "0")]
        )
    )
    dataset = prepared(write("log.csv", rows), split={**CUT_THREE})
    assert dataset.user_ids == ["007", "17850"]
    assert sorted(dataset.item_ids) == ["0", "1e5", "a, b"]


CUT_THREE = {"kind": "time", "validation_quantile": 0.1, "test_quantile": 0.6}


def test_json_ids_of_mixed_types(write, prepared):
    rows = [{"user": user, "item": item, "time": t} for t, (user, item) in
            enumerate([(1, 2.0), ("x", "b"), (1.0, 9007199254740993)])]  # fmt: skip
    dataset = prepared(write("log.jsonl", rows), split=CUT_THREE)
    assert dataset.user_ids == ["1", "x"]
    assert sorted(dataset.item_ids) == ["2", "9007199254740993", "b"]


def test_encoding(write, prepared):
    text = SMALL_LOG.replace(",w,", ",café,").encode("latin-1")
    path = write("log.csv", text)
    with pytest.raises(InputError, match="encoding: cp1252"):
        prepared(path)
    assert "café" in prepared(path, log={"encoding": "latin-1"}).item_ids
    with pytest.raises(InputError, match="unknown encoding"):
        prepared(path, log={"encoding": "latin-99"})


def test_missing_column_names_the_nearest(write, prepared):
    path = write("log.csv", SMALL_LOG)
    columns = {"user": "User_ID", "item": "item"}
    with pytest.raises(InputError, match=r"no column 'User_ID' \(user\). Did you mean 'user'\?"):
        prepared(path, log={"columns": columns}, split={"kind": "random"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("header.csv", "user,item,time\n", "has no rows"),
        ("cut.json", '[{"user": "a", "item": "x", "time": 1}, {"user": "b", "it', "cannot be read"),
        ("cut.parquet", parquet()[:-40], "truncated Parquet"),
        ("broken.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "cannot be read"),
        ("empty.csv", "", "is empty"),
    ],
)
def test_broken_files(write, prepared, tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        prepared(write(name, content))
    assert list((tmp_path / "datasets").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timezone": "Mars"}, "Unknown TimeZone 'Mars'.*Europe/Berlin"),
        ({"time_format": "%Q"}, "Correct `time_format`"),
    ],
)
def test_time_settings_that_do_not_exist(write, prepared, options, message):
    path = write("log.csv", "user,item,time\na,x,2020-01-01\nb,y,2020-01-02\n")
    with pytest.raises(InputError, match=message):
        prepared(path, log=options)
