import pytest

from recsys.errors import InputError


def test_lines_that_are_no_rows_are_noted(with_items):
    table = 'id,brand\nx,acme\ny,"Red" lamp\nz\nw,zeta\n'
    dataset = with_items(table, features={"brand": "categorical"})
    assert dataset.feature("item", "brand").tolist() == [1, 0, 0, 2]
    note = next(note for note in dataset.manifest.quality["notes"] if "items.csv" in note)
    assert "2 lines cannot be read: line 3 (broken quotes): 'y" in note
    assert "line 4 (wrong number of cells): 'z'" in note


def test_duplicate_ids(with_items):
    table = "id,title,price\nx,Old,1\nx,,2\ny,Y,5\n"
    with pytest.raises(InputError, match=r"several rows: 'x' \(2 rows, the first is row 1 of"):
        with_items(table)
    with pytest.raises(InputError, match=r"first is row 1 of the table: '7' and '7.0' are"):
        with_items("id,title,price\n7,Old,1\n7.0,,2\n")
    features = {"price": "numeric"}
    last = with_items(table, title="title", duplicates="last", features=features)
    assert last.item_titles[:3] == ["Old", "z", "Y"]
    assert last.manifest.item_features[0].mean == 3.5
    first = with_items(table, duplicates="first", features=features)
    assert first.manifest.item_features[0].mean == 3.0
