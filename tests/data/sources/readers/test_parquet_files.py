"""Parquet files that do not agree: joined without loss, or refused."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError

BEYOND_FLOATS = 2**53 + 1
ROLES = {"user": "user", "item": "item"}


@pytest.fixture
def folder(tmp_path):
    """Writes tables as the files of a folder."""

    def write_folder(*tables):
        (tmp_path / "log").mkdir()
        for number, table in enumerate(tables):
            table = table if isinstance(table, pa.Table) else pa.table(table)
            pq.write_table(table, tmp_path / f"log/{number}.parquet")
        return tmp_path / "log"

    return write_folder


@pytest.mark.parametrize(
    ("first", "second", "users"),
    [
        (pa.array([BEYOND_FLOATS, 2]), pa.array([17850.0, None]),
         [str(BEYOND_FLOATS), "2", "17850.0", None]),
        (pa.array([BEYOND_FLOATS, 2]), pa.array(["x", "007"]),
         [str(BEYOND_FLOATS), "2", "x", "007"]),
        (pa.array([1, 2], pa.int32()), pa.array([BEYOND_FLOATS, 3]), [1, 2, BEYOND_FLOATS, 3]),
        (pa.array([BEYOND_FLOATS, 2]), pa.nulls(2), [BEYOND_FLOATS, 2, None, None]),
        (pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "d"], pa.large_string()),
         ["a", "b", "c", "d"]),
    ],
)  # fmt: skip
def test_ids_of_several_types_lose_no_digit(read, folder, first, second, users):
    items = ["x", "y"]
    path = folder({"user": first, "item": items}, {"other": items, "item": items, "user": second})
    assert read(path, ROLES).rows == list(zip(users, items * 2, strict=True))


def test_a_file_that_lacks_a_column_is_refused(read, folder):
    path = folder({"user": [1], "item": ["x"], "more": [1]}, {"user": [1]})
    with pytest.raises(InputError, match=r"1\.parquet lacks the column 'item'"):
        read(path, ROLES)
    assert read(path, {"user": "user"}).rows == [(1,), (1,)]


@pytest.mark.parametrize("second", ["user", "user ", "User"])
def test_two_columns_of_one_name_are_refused(read, folder, second):
    columns = [pa.array([1]), pa.array([2])]
    with pytest.raises(InputError, match=r"0\.parquet has 2 columns named 'user'"):
        read(folder(pa.Table.from_arrays(columns, names=["user", second])))
