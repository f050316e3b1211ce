"""Iceberg tables: of a catalog, of a metadata file, at one snapshot."""

from pathlib import Path

import pyarrow as pa
import pytest

from recsys.errors import InputError
from tests.data.sources.lakes.conftest import events, expected
from tests.data.sources.small_log import histories

pytest.importorskip("pyiceberg")


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    """A catalog that pyiceberg is configured for by the environment, as users do."""
    from pyiceberg.catalog import load_catalog
    from pyiceberg.utils.config import Config

    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__TYPE", "sql")
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{tmp_path}/catalog.db")
    # Which pyiceberg has read when it was imported.
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())
    found = load_catalog("lake", warehouse=f"file://{tmp_path}/warehouse")
    found.create_namespace("shop")
    return found


@pytest.fixture
def table(catalog):
    """Snapshots of 6 and of all 10 events, then one without a month, partitioned by item."""
    table = catalog.create_table("shop.log", events().schema)
    with table.update_spec() as update:
        update.add_identity("item")
    table.append(events(0, 6))
    table.append(events(6))
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "all").commit()
    table.delete("month = '2024-02'")
    return catalog.load_table("shop.log")


def test_a_snapshot_has_the_rows_that_it_had(table, prepared):
    first, full, newest = (each.snapshot_id for each in table.snapshots())
    iceberg = {"format": "iceberg"}
    kept = events().take([0, *range(2, 10)])
    dataset = prepared("lake.shop.log", log=iceberg)
    assert histories(dataset) == expected(kept)
    read = dataset.manifest.versions["log"]
    assert (read["table"], read["version"]) == (str(table.metadata.table_uuid), newest)
    # The same snapshot is the same dataset, however the table is named.
    metadata = table.metadata_location.removeprefix("file://")
    assert prepared(metadata).path == dataset.path
    hint = Path(metadata).parent / "version-hint.text"
    with pytest.raises(InputError, match=r"does not say which of its metadata files is current"):
        prepared(hint.parents[1])
    hint.write_text(Path(metadata).name)
    assert prepared(hint.parents[1], log={"version": newest}).path == dataset.path
    everything = prepared("lake.shop.log", log={**iceberg, "version": "all"})
    assert histories(everything) == expected(events())
    assert everything.manifest.versions["log"]["version"] == full
    time = table.snapshot_by_id(first).timestamp_ms
    as_of = pa.scalar(time, pa.timestamp("ms", "UTC")).as_py().isoformat()
    read = prepared("lake.shop.log", log={**iceberg, "as_of": as_of}).manifest.versions["log"]
    assert read["version"] == first
    with pytest.raises(InputError, match="is a file of the Iceberg table"):
        prepared(f"{hint.parents[1]}/data/*/*.parquet")


def test_files_of_other_times_are_not_opened_and_their_rows_are_counted(catalog, prepared):
    table = catalog.create_table("shop.log", events().schema)
    for month in range(10):
        table.append(events(month, month + 1))
    table.append(events(0, 1).set_column(2, "time", pa.nulls(1, pa.timestamp("us", "UTC"))))
    span = {"since": "2024-03-04", "until": "2024-09-30"}
    others = "time < '2024-03-01T00:00:00+00:00' or time > '2024-10-02T00:00:00+00:00'"
    gone = [task.file for task in table.scan(others).plan_files()]
    for file in gone:
        Path(file.file_path.removeprefix("file://")).unlink()
    assert len(gone) == 3
    read = prepared("lake.shop.log", log={"format": "iceberg", **span})
    assert histories(read) == expected(events(3, 9))
    assert read.manifest.quality["quarantined"] == {"outside since and until": 4, "missing time": 1}
    with pytest.raises(InputError, match=r"a file of version \d+ of the Iceberg table .* is gone"):
        prepared("lake.shop.log", log={"format": "iceberg"})


@pytest.mark.parametrize(
    ("path", "log", "told"),
    [
        ("lake.shop.log", {"version": 5}, r"has no version 5, or it has expired: its snapshots"),
        ("lake.shop.log", {"as_of": "2001-01-01"}, r"has no state as of 2001-01-01"),
        ("lake.shop.none", {}, r"the catalog lake has no table shop\.none"),
        ("pond.shop.log", {}, r"the catalog pond .* not configured.*PYICEBERG_CATALOG__POND__URI"),
        ("nowhere", {}, r"no folder or file nowhere.*CATALOG\.NAMESPACE\.TABLE"),
        ("none.metadata.json", {}, r"no metadata file none\.metadata\.json"),
    ],
)
def test_what_is_asked_wrongly_is_told(table, prepared, path, log, told):
    with pytest.raises(InputError, match=told):
        prepared(path, log={"format": "iceberg", **log})


def test_broken_metadata(tmp_path, prepared):
    (tmp_path / "v1.metadata.json").write_text('{"format-version": 2')
    with pytest.raises(InputError, match=r"metadata of the table .* is broken"):
        prepared(tmp_path / "v1.metadata.json")


def test_a_table_without_rows(catalog, prepared):
    catalog.create_table("shop.log", events().schema)
    with pytest.raises(InputError, match="has no snapshot yet"):
        prepared("lake.shop.log", log={"format": "iceberg"})


def test_an_object_store(s3, tmp_path, prepared):
    from pyiceberg.catalog import load_catalog

    through = {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO", "warehouse": "s3://lake/ice"}
    catalog = load_catalog("own", type="sql", uri=f"sqlite:///{tmp_path}/catalog.db", **through)
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.log", events().schema)
    table.append(events())
    dataset = prepared(table.metadata_location)
    assert histories(dataset) == expected(events())
    kept = b"".join(file.read_bytes() for file in dataset.path.rglob("*") if file.is_file())
    assert b"AKIAEXAMPLE" not in kept


def test_a_store_that_is_silent(credentials, monkeypatch, prepared):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"s3://lake/v1\.metadata\.json cannot be reached"):
        prepared("s3://lake/v1.metadata.json")
