import numpy as np
import pyarrow as pa

from recsys.data.prepare.catalogue import build_catalogue
from recsys.data.sources.engine import connect

IDS = pa.chunked_array([["a", "b", "c", "d", "e", "f"]])
# Events in training, validation, test. d was removed from the log.
PARTS = np.array([[1, 9, 9], [0, 0, 5], [2, 0, 0], [0, 0, 0], [0, 1, 7], [1, 0, 0]])


def test_fitted_parts_are_prefixes_and_frequent_items_come_first(tmp_path):
    catalogue = build_catalogue(connect(tmp_path, 1), IDS, PARTS, PARTS, table=None)
    assert catalogue.ids.to_pylist() == ["c", "a", "f", "e", "b"]
    assert catalogue.numbers.tolist() == [1, 4, 0, -1, 3, 2]
    assert catalogue.known == {"train": 3, "validation": 4, "test": 5}
    assert catalogue.counts[0].tolist() == [2, 0, 0]


def test_items_of_the_table_alone_come_last(tmp_path):
    con = connect(tmp_path, 1)
    con.create_table("items", pa.table({"id": IDS}))
    con.create_table("rows", pa.table({"id": ["z", "d", "y", "a"]}))
    catalogue = build_catalogue(con, IDS, PARTS, PARTS, con.table("rows"))
    assert catalogue.ids.to_pylist() == ["c", "a", "f", "e", "b", "y", "z"]
    assert catalogue.counts[5:].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert catalogue.known["test"] == 5


def test_items_that_are_context_only_are_counted(tmp_path):
    """c is never a target, a is one later, d was removed."""
    targets = PARTS - [[1, 0, 0], [0, 0, 1], [2, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    catalogue = build_catalogue(connect(tmp_path, 1), IDS, PARTS, targets, table=None)
    assert catalogue.ids.to_pylist() == ["c", "a", "f", "e", "b"]
    assert catalogue.targets.tolist() == [[0, 0, 0], [0, 9, 9], [1, 0, 0], [0, 1, 7], [0, 0, 4]]
    assert (catalogue.has_context, catalogue.context_items) == (True, 1)
    assert catalogue.notes() == [
        "items that occur as context only (events of weight 0) and are never recommended: 1"
    ]
    whole = build_catalogue(connect(tmp_path, 1), IDS, PARTS, PARTS, table=None)
    assert (whole.has_context, whole.context_items, whole.notes()) == (False, 0, [])
