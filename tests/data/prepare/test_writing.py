from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from recsys.data.prepare.writing import ArrayFile, TimestampGroupTracker, write_offsets

USERS = [0, 0, 0, 0, 1, 1, 1]
TIMES = [5, 5, 6, 6, 6, 6, 7]
BEGINS = [0, 0, 2, 2, 4, 4, 6]


@pytest.mark.parametrize("cuts", [(), (1,), (3,), (1, 2, 3, 4, 5, 6), (4, 4)])
def test_timestamp_groups_reach_across_batches(cuts):
    table = pa.table({"user": USERS, "time": TIMES}).to_batches()[0]
    tracker = TimestampGroupTracker(("user", "time"))
    bounds = [0, *cuts, len(USERS)]
    found = [tracker.begins(table.slice(begin, end - begin)) for begin, end in pairwise(bounds)]
    assert np.concatenate(found).tolist() == BEGINS


def test_array_file_is_a_numpy_file(tmp_path):
    with ArrayFile(tmp_path / "x.npy", np.int32, 5) as file:
        file.write(np.array([1, 2, 3]))
        file.write(np.array([9, 4, 8, 5])[1::2])
    array = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert array.dtype == np.int32 and array.tolist() == [1, 2, 3, 4, 5]


def test_rows_of_any_shape(tmp_path):
    rows = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    with ArrayFile(tmp_path / "x.npy", np.uint8, 3, (2, 2)) as file:
        file.write(rows[0])
        file.write(rows[1:])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), rows)


def test_offsets(tmp_path):
    write_offsets(np.array([[3, 1, 0], [0, 0, 2]]), tmp_path)
    assert np.load(tmp_path / "user_offsets.npy").tolist() == [0, 4, 6]
    assert np.load(tmp_path / "part_ends.npy").tolist() == [[3, 4], [4, 4]]
