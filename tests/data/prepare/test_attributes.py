"""What is kept of a column of the item table is what stood there."""

import json

import numpy as np
import pytest

from recsys.errors import InputError

ROWS = [
    {"id": "x", "kind": "tea ", "price": 19.99, "in_stock": True, "tags": ["new", "new", "hot"]},
    {"id": "y", "kind": "17.0", "price": 5, "in_stock": False, "tags": []},
    {"id": "z", "kind": "", "price": None, "in_stock": None, "tags": None},
    {"id": "only in the table", "kind": "Tea", "price": 0, "in_stock": True, "tags": ["a,b"]},
]
KINDS = {
    "kind": "categorical",
    "cost": {"kind": "numeric", "column": "price"},
    "in_stock": "categorical",
    "tags": "multivalued",
}


def as_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_every_item_has_what_the_table_says(with_items):
    dataset = with_items(as_lines(ROWS), "items.jsonl", attributes=KINDS)
    found = {
        item: [dataset.attribute(name)[place].as_py() for name in KINDS]
        for place, item in enumerate(dataset.item_ids)
    }
    assert found == {
        "x": [["tea"], 19.99, ["true"], ["new", "new", "hot"]],
        "y": [["17"], 5.0, ["false"], []],
        "z": [[], None, [], []],
        "w": [[], None, [], []],
        "only in the table": [["Tea"], 0.0, ["true"], ["a,b"]],
    }


def test_attributes_change_nothing_that_training_reads(with_items):
    kept = with_items(as_lines(ROWS), "items.jsonl", attributes=KINDS)
    plain = with_items(as_lines(ROWS), "items.jsonl")
    assert kept.fingerprint != plain.fingerprint
    written = {file.name for file in kept.path.rglob("*") if file.is_file()}
    assert written - {file.name for file in plain.path.rglob("*")} == {"attributes.parquet"}
    for file in plain.path.rglob("*.npy"):
        name = str(file.relative_to(plain.path).with_suffix(""))
        np.testing.assert_array_equal(kept.array(name), plain.array(name))
    assert kept.item_ids == plain.item_ids


def test_text_is_split_and_another_separator_is_hinted_at(with_items):
    table = "id,tags\nx,a|b\ny,c\n"
    split = with_items(table, attributes={"tags": "multivalued"})
    assert split.attribute("tags")[split.item_ids.index("x")].as_py() == ["a", "b"]
    notes = with_items("id,tags\nx,a;b\n", attributes={"tags": "multivalued"}).manifest.quality
    assert any("item attribute 'tags': no value holds" in note for note in notes["notes"])


def test_numbers_that_float32_confounds_are_noted(with_items):
    table = "id,day\nx,20260100\ny,20260101\nz,5\n"
    notes = with_items(table, attributes={"day": "numeric"}).manifest.quality["notes"]
    assert any("item attribute 'day': 1 of 3 numbers are equal to another" in n for n in notes)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"prise": "numeric"}, "prise"),
        ({"kind": "numeric"}, "item attribute 'kind' is numeric, but none of its values"),
    ],
)
def test_what_cannot_be_read_is_refused(with_items, attributes, message):
    with pytest.raises(InputError, match=message):
        with_items("id,kind\nx,tea\ny,tea\n", attributes=attributes)


def test_names_are_those_of_inputs(with_items):
    with pytest.raises(ValueError, match="the attribute name 'in stock' is used"):
        with_items(as_lines(ROWS), "items.jsonl", attributes={"in stock": "categorical"})
