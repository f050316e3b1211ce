"""Delta tables: the rows of one version, and no others."""

import http.server
import json
import os
import struct
import threading
import time
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.prepare.config import DataConfig
from recsys.errors import InputError
from tests.data.conftest import COLUMNS
from tests.data.sources.lakes.conftest import events, expected
from tests.data.sources.small_log import histories

deltalake = pytest.importorskip("deltalake")


@pytest.fixture
def table(tmp_path):
    """A table of versions: 0 and 1 are appends, 2 deletes a month, 3 replaces everything."""
    folder = str(tmp_path / "log")
    deltalake.write_deltalake(folder, events(0, 6), partition_by=["month"])
    deltalake.write_deltalake(folder, events(6), mode="append")
    deltalake.DeltaTable(folder).delete("month = '2024-02'")
    deltalake.write_deltalake(folder, events(2), mode="overwrite")
    return folder


def without(table: pa.Table, *rows: int) -> pa.Table:
    return table.take([row for row in range(len(table)) if row not in rows])


@pytest.mark.parametrize(
    ("settings", "rows", "version"),
    [
        ({}, events(2), 3),
        ({"version": 2, "format": "delta"}, without(events(), 1), 2),
        ({"version": 1}, events(), 1),
    ],
)
def test_a_version_has_the_rows_that_it_had(table, prepared, settings, rows, version):
    dataset = prepared(table, log=settings)
    assert histories(dataset) == expected(rows)
    (read,) = dataset.manifest.versions.values()
    delta = deltalake.DeltaTable(table)
    assert (read["format"], read["table"], read["version"]) == (
        "delta", str(delta.metadata().id), version
    )  # fmt: skip
    note = f"{table}: version {version} of the Delta table {delta.metadata().id}, of 20"
    assert any(each.startswith(note) for each in dataset.manifest.quality["notes"])


def test_one_version_is_one_dataset_however_it_is_named(table, prepared):
    newest = prepared(table)
    assert prepared(table, log={"version": 3}).path == newest.path
    assert prepared(table, log={"as_of": "2100-01-01"}).path == newest.path
    assert prepared(table, log={"version": 1}).path != newest.path
    deltalake.write_deltalake(table, events(0, 2), mode="append")
    assert prepared(table).fingerprint != newest.fingerprint


def test_as_of_is_the_newest_version_of_that_time(table, prepared):
    for version in range(4):
        moment = datetime(2030, 1, 1 + version, tzinfo=UTC).timestamp()
        os.utime(f"{table}/_delta_log/{version:020}.json", (moment, moment))
    read = prepared(table, log={"as_of": "2030-01-02T12:00:00Z"}).manifest.versions["log"]
    commits = {each["version"]: each["timestamp"] for each in
               deltalake.DeltaTable(table).history()}  # fmt: skip
    assert read["version"] == 1
    assert datetime.fromisoformat(read["time"]).timestamp() == commits[1] / 1000
    with pytest.raises(InputError, match=r"no state as of 2001-01-01 .*its first version is of 20"):
        prepared(table, log={"as_of": "2001-01-01"})


@pytest.mark.parametrize("kind", [pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.date32()])
def test_files_of_other_times_are_not_opened_and_their_rows_are_counted(tmp_path, prepared, kind):
    folder, rows = tmp_path / "log", events()
    rows = rows.set_column(2, "time", rows["time"].cast(kind))
    deltalake.write_deltalake(folder, rows, partition_by=["month"])
    untimed = rows.slice(0, 1).set_column(2, "time", pa.nulls(1, kind))
    deltalake.write_deltalake(folder, untimed, mode="append")
    span = {"since": "2024-03-04", "until": "2024-09-30T00:00:00Z"}
    for gone in ("2024-01", "2024-02", "2024-10"):
        for file in (folder / f"month={gone}").glob("*.parquet"):
            if pq.read_table(file)["time"].null_count == 0:
                file.unlink()
    read = prepared(folder, log=span)
    assert histories(read) == expected(events(3, 9))
    counts = read.manifest.quality["quarantined"]
    assert counts == {"outside since and until": 4, "missing time": 1}
    assert read.manifest.quality["rows_read"] == 11


def test_a_version_whose_files_were_removed_is_gone(table, prepared):
    deltalake.DeltaTable(table).vacuum(0, dry_run=False, enforce_retention_duration=False)
    prepared(table)
    with pytest.raises(InputError, match=r"a file of version 1 of the Delta table .* is gone"):
        prepared(table, log={"version": 1})


def test_side_tables(tmp_path, prepared):
    titles = {"item": ["x", "y", "z", "w"], "name": ["X", "Y", "Z", "W"]}
    deltalake.write_deltalake(tmp_path / "items", pa.table(titles))
    deltalake.write_deltalake(tmp_path / "log", events())
    items = {"path": str(tmp_path / "items"), "key": "item", "title": "name", "version": 0}
    dataset = prepared(tmp_path / "log", items=items)
    titled = pq.read_table(dataset.path / "items.parquet").to_pydict()
    assert [title.lower() for title in titled["title"]] == titled["item_id"]
    assert dataset.manifest.versions["items"]["version"] == 0


def test_files_of_a_table_are_not_read_by_themselves(table, prepared, tmp_path):
    told = "is a file of the Delta table .*name the table in `path`, with `format: delta`"
    for place in (f"{table}/*/*.parquet", f"{table}/month=2024-03", tmp_path):
        with pytest.raises(InputError, match=told):
            prepared(place)
    with pytest.raises(InputError, match=r"cannot be read as parquet files.*Take out `format"):
        prepared(table, log={"format": "parquet"})
    with pytest.raises(InputError, match="a table stands alone"):
        prepared([table, table])


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ({"version": 4}, r"has no version 4: its versions are 0 to 3"),
        ({"version": -1}, r"has no version -1"),
        ({"version": "main"}, r"no version 'main': a Delta table numbers"),
        ({"version": 1, "as_of": "2024-01-01"}, r"`version` or `as_of`, not both"),
        ({"columns": {**COLUMNS, "item": "sku"}}, r"log has no column 'sku' \(item\)"),
    ],
)
def test_what_is_asked_wrongly_is_told(table, prepared, log, told):
    with pytest.raises(ValueError, match=told):
        prepared(table, log=log)


def test_what_is_not_a_table_is_told(table, prepared, tmp_path, plain):
    with pytest.raises(InputError, match="nowhere is not a Delta table"):
        prepared(tmp_path / "nowhere", log={"format": "delta"})
    with pytest.raises(InputError, match="`version` and `as_of` are for those"):
        plain(events(), log={"version": 0})
    (tmp_path / "log/_delta_log/00000000000000000001.json").write_text('{"add": {"path"')
    with pytest.raises(InputError, match="the log of the Delta table is broken"):
        prepared(table)


def test_since_and_until_of_files(plain):
    dataset = plain(events(), log={"since": "2024-03-04", "until": "2024-09-30"})
    assert histories(dataset) == expected(events(3, 9))
    assert dataset.manifest.quality["quarantined"] == {"outside since and until": 4}
    with pytest.raises(InputError, match="none of 10 rows is left, 10 for: outside since"):
        plain(events(), log={"since": "2024-12-24"})


def test_times_need_a_time_column_and_an_order():
    section = {"path": "log.csv", "columns": {"user": "user", "item": "item"}}
    for log, told in (
        ({"since": "2024-01-01"}, "`since` needs a column with the role `time`"),
        ({"columns": COLUMNS, "since": "2024-01-02", "until": "2024-01-02"}, "must be before"),
    ):
        with pytest.raises(ValueError, match=told):
            DataConfig.model_validate({"log": {**section, **log}})


def z85(data: bytes) -> str:
    letters = (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    )
    words = struct.unpack(f">{len(data) // 4}I", data)
    return "".join(letters[word // 85**place % 85] for word in words for place in (4, 3, 2, 1, 0))


def deletion_vector(*rows: int) -> dict:
    """Rows that are deleted of a file, as the protocol of Delta has them: an inline bitmap."""
    bitmap = pytest.importorskip("pyroaring").BitMap(rows).serialize()
    data = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    padded = data + bytes(-len(data) % 4)
    return {"storageType": "i", "pathOrInlineDv": z85(padded), "sizeInBytes": len(data),
            "cardinality": len(rows)}  # fmt: skip


def by_hand(folder, features, file: pa.Table, mapped: bool = False, vector: dict | None = None):
    """Writes a table with features that delta-rs reads but does not write."""
    (folder / "_delta_log").mkdir(parents=True)
    names = {name: f"col-{name}" if mapped else name for name in file.column_names}
    pq.write_table(file.rename_columns(list(names.values())), folder / "part.parquet")
    kinds = {"user": "string", "item": "string", "time": "timestamp", "month": "string"}
    fields = [
        {"name": name, "type": kinds[name], "nullable": True, "metadata":
         {"delta.columnMapping.id": place, "delta.columnMapping.physicalName": names[name]}
         if mapped else {}}
        for place, name in enumerate(names, 1)
    ]  # fmt: skip
    settings = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "4"}
    add = {"path": "part.parquet", "partitionValues": {}, "dataChange": True,
           "size": (folder / "part.parquet").stat().st_size, "modificationTime": 1704110400000,
           "stats": json.dumps({"numRecords": len(file)})}  # fmt: skip
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
                      "writerFeatures": features}},
        {"metaData": {"id": "4f6b6d1e-0000-4000-8000-000000000001", "createdTime": 1704110400000,
                      "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
                      "schemaString": json.dumps({"type": "struct", "fields": fields}),
                      "configuration": settings if mapped else {}}},
        {"add": {**add, **({"deletionVector": vector} if vector else {})}},
    ]  # fmt: skip
    lines = "\n".join(json.dumps(action) for action in actions)
    (folder / "_delta_log" / f"{0:020}.json").write_text(lines)


@pytest.mark.parametrize("mapped", [False, True])
def test_deleted_rows_and_mapped_columns(tmp_path, prepared, mapped):
    features = ["deletionVectors", *(["columnMapping"] if mapped else [])]
    by_hand(tmp_path / "log", features, events(), mapped, deletion_vector(1, 7))
    dataset = prepared(tmp_path / "log", log={"since": "2024-01-15"})
    assert histories(dataset) == expected(without(events(), 0, 1, 7))
    assert dataset.manifest.versions["log"]["time"] is None


def test_a_feature_that_is_not_known_is_refused(tmp_path, prepared):
    by_hand(tmp_path / "log", ["notYetInvented"], events())
    with pytest.raises(InputError, match=r"(?i)log.*notYetInvented"):
        prepared(tmp_path / "log")


class _Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = b"<?xml version='1.0'?><Error><Code>InvalidAccessKeyId</Code><Message>No such key" \
               b"</Message><AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId></Error>"  # fmt: skip
        self.send_response(403)
        self.send_header("Content-Length", str(len(code)))
        self.end_headers()
        self.wfile.write(code)

    def log_message(self, *_):
        pass


def test_a_store_that_refuses_or_is_silent(credentials, monkeypatch, prepared):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {"InvalidAccessKeyId": server.server_port, "Connection refused": 9}
    for told, port in ports.items():
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        begin = time.monotonic()
        with pytest.raises(InputError, match="s3://shop/log cannot be reached: ") as refused:
            prepared("s3://shop/log", log={"format": "delta"})
        assert told in str(refused.value) and "AKIAEXAMPLE" not in str(refused.value)
        assert time.monotonic() - begin < 20
    server.shutdown()
    server.server_close()


def test_credentials_are_not_taken_from_an_address(prepared):
    for address in ("s3://key:hunter2@shop/log", "s3://shop/log?secret=hunter2"):
        with pytest.raises(InputError, match="holds credentials: take them out") as refused:
            prepared(address, log={"format": "delta"})
        assert "hunter2" not in str(refused.value)


def test_an_object_store(s3, prepared):
    deltalake.write_deltalake("s3://lake/log", events(0, 5), partition_by=["month"])
    deltalake.write_deltalake("s3://lake/log", events(5), mode="append")
    dataset = prepared("s3://lake/log")  # recognised
    assert histories(dataset) == expected(events())
    with pytest.raises(InputError, match="is a file of the Delta table s3://lake/log"):
        prepared("s3://lake/log/*/*.parquet")
    kept = b"".join(file.read_bytes() for file in dataset.path.rglob("*") if file.is_file())
    assert b"AKIAEXAMPLE" not in kept
