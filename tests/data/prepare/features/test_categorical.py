import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG


def test_ids_and_categories_of_a_database_are_exact(tmp_path, prepared):
    """Of 17 digits, as decimals in one table and whole numbers in another: neighbours differ."""
    large = 76_900_000_000_000_000
    item, other = ([large + n for n in range(first, first + 4)] for first in (0, 4))
    rows = [line.split(",") for line in SMALL_LOG.splitlines()[1:]]
    columns = {
        "user": pa.array([large + (user == "b") for user, _, _ in rows], pa.int64()),
        "item": pa.array([item["xyzw".index(name)] for _, name, _ in rows], pa.int64()),
    }
    times = pa.array([int(time) for _, _, time in rows])
    for name, values in columns.items():
        columns[name] = values.cast(pa.decimal128(38, 0))
    pq.write_table(pa.table({**columns, "time": times}), tmp_path / "log.parquet")
    table = {
        "id": pa.array(item, pa.uint64()),
        "brand": pa.array(other).cast(pa.decimal128(24, 2)),
        "tags": pa.array([other[:1], other[:2], [], None], pa.list_(pa.int64())).cast(
            pa.list_(pa.decimal128(38, 0))
        ),
        "bytes": pa.array([["\u00e9".encode()], [b"a", b"b"], [], None]),
    }
    pq.write_table(pa.table(table), tmp_path / "items.parquet")
    kinds = {"brand": "categorical", "tags": "multivalued", "bytes": "multivalued"}
    items = {"path": str(tmp_path / "items.parquet"), "key": "id", "features": kinds}
    dataset = prepared(tmp_path / "log.parquet", items=items)
    assert dataset.user_ids == [str(large), str(large + 1)]
    assert sorted(dataset.item_ids) == list(map(str, item))
    assert dataset.manifest.quality["notes"] == [
        "items of the log without a value, of 4: tags 1, bytes 1"
    ]
    x, y = dataset.item_ids.index(str(item[0])), dataset.item_ids.index(str(item[1]))

    def named(feature):
        words = ["", *dataset.vocabulary("item", feature)]
        return lambda row: [words[code] for code in np.atleast_1d(row) if code]

    assert named("brand")(dataset.feature("item", "brand")[x]) == [str(other[0])]
    assert named("tags")(dataset.feature("item", "tags")[y]) == [str(other[0]), str(other[1])]
    assert named("bytes")(dataset.feature("item", "bytes")[x]) == ["\u00e9"]
    assert sorted(dataset.vocabulary("item", "brand")) == list(map(str, other))


def test_inexact_categories_are_refused_by_name(tmp_path, write, prepared):
    brands = pa.array([7.69e16, 1.0])
    pq.write_table(pa.table({"id": ["x", "y"], "brand": brands}), tmp_path / "items.parquet")
    items = {"path": str(tmp_path / "items.parquet"), "key": "id"}
    with pytest.raises(InputError, match="the item feature 'brand' holds ids as floating-point"):
        prepared(write("log.csv", SMALL_LOG), items={**items, "features": {"brand": "categorical"}})
