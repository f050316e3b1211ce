import json

import numpy as np
import pytest

from recsys.data.prepare.features.encode import decode_feature
from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG

# The catalogue of SMALL_LOG under the shared cuts, most frequent in training first.
ITEMS = ["x", "z", "y", "w"]
TABLE = """id,title,brand,tags,price,text,place
x,  The X ,acme,a|b,10,Red lamp,"[1, 2]"
y,,acme,b,20,red RED,3 4
z,The Z,,,,,
only,In the table,zeta,c | a,30,Über-lampe 2,"5,6"
"""
FEATURES = {
    "brand": "categorical",
    "tags": "multivalued",
    "price": "numeric",
    "text": "text",
    "place": "vector",
}


def test_every_kind(with_items):
    dataset = with_items(TABLE, features=FEATURES, title="title")
    assert dataset.item_ids == [*ITEMS, "only"]
    assert dataset.item_titles == ["The X", "The Z", "y", "w", "In the table"]
    assert dataset.manifest.known_items == {"train": 3, "validation": 4, "test": 4}
    assert dataset.item_counts[4].tolist() == [0, 0, 0]

    assert dataset.vocabulary("item", "brand") == ["acme", "zeta"]
    assert dataset.feature("item", "brand").tolist() == [1, 0, 1, 0, 2]

    assert dataset.vocabulary("item", "tags") == ["a", "b", "c"]
    assert dataset.feature("item", "tags").tolist() == [[1, 2], [0, 0], [2, 0], [0, 0], [3, 1]]

    price = dataset.feature("item", "price")
    assert np.allclose(price, [-1.2247449, 0, 0, 0, 1.2247449])
    assert price.dtype == np.float32

    assert dataset.vocabulary("item", "text") == ["red", "2", "lamp", "lampe", "über"]
    assert dataset.feature("item", "text").tolist() == [
        [1, 3, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0], [5, 4, 2],
    ]  # fmt: skip

    assert dataset.feature("item", "place").tolist() == [[1, 2], [0, 0], [3, 4], [0, 0], [5, 6]]

    described = {feature.name: feature for feature in dataset.manifest.item_features}
    assert list(described) == list(FEATURES)
    assert (described["price"].mean, described["price"].deviation) == pytest.approx((20, 8.1649658))
    assert (described["tags"].width, described["tags"].vocabulary_size) == (2, 4)
    assert (described["brand"].width, described["brand"].vocabulary_size) == (1, 3)
    assert dataset.manifest.quality["notes"] == [
        "1 of 4 items of the log (25.0%) have no row in their table (log 'w'; table 'only')",
        "items of the log without a value, of 4: brand 2, tags 2, price 2, text 2, place 2",
    ]


def test_what_was_encoded_is_decoded(with_items):
    dataset = with_items(TABLE, features=FEATURES)
    decoded = {
        feature.name: decode_feature(
            dataset, "item", feature, dataset.feature("item", feature.name)
        )
        for feature in dataset.manifest.item_features
    }
    assert decoded["brand"].tolist() == ["acme", "", "acme", "", "zeta"]
    assert decoded["tags"][[0, 4]].tolist() == [["a", "b"], ["c", "a"]]
    assert decoded["text"].tolist() == ["red lamp", "", "red red", "", "über lampe 2"]
    np.testing.assert_allclose(decoded["price"], [10, 20, 20, 20, 30], rtol=1e-6)
    assert decoded["price"].dtype == np.float32
    assert decoded["place"].tolist() == [[1, 2], [0, 0], [3, 4], [0, 0], [5, 6]]


def test_lists_of_json_and_caps(with_items):
    rows = [
        {"id": "x", "tags": ["a", "b", "c"], "place": [0.5, 1]},
        {"id": "y", "tags": ["a", "b"], "place": None},
        {"id": "z", "tags": ["a"], "place": [2, 3]},
    ]
    table = "".join(json.dumps(row) + "\n" for row in rows)
    tags = {"kind": "multivalued", "max_values": 1}
    few = {"kind": "multivalued", "column": "tags", "max_vocabulary": 2}
    dataset = with_items(
        table, "items.jsonl", features={"tags": tags, "few": few, "place": "vector"}
    )
    assert dataset.feature("item", "tags").tolist() == [[1], [1], [1], [0]]
    assert dataset.feature("item", "few").tolist() == [[1, 2], [1, 0], [1, 2], [0, 0]]
    assert dataset.vocabulary("item", "few") == ["a", "b"]
    assert dataset.feature("item", "place").tolist() == [[0.5, 1], [2, 3], [0, 0], [0, 0]]


def test_user_table(write, prepared):
    users = write("users.csv", "who,age\nb,40\nstranger,1\n")
    age = {"kind": "categorical", "minimum_users": 1}
    table = {"path": str(users), "key": "who", "features": {"age": age}}
    dataset = prepared(write("log.csv", SMALL_LOG), users=table)
    assert dataset.user_ids == ["a", "b"]
    assert dataset.feature("user", "age").tolist() == [0, 1]
    assert dataset.vocabulary("user", "age") == ["40"]
    assert dataset.manifest.user_features[0].name == "age"


@pytest.mark.parametrize(
    ("table", "features", "message"),
    [
        ("id,genre\nx,a\n", {"genres": "multivalued"}, "no column 'genres'.*mean 'genre'"),
        ("id,v\nx,1 2\ny,1 2 3\n", {"v": "vector"}, "mixed lengths: 1 row of 2, 1 row of 3"),
        ("id,v\nx,1 a\n", {"v": "vector"}, "1 of 1 values hold something other than"),
        ("id,n\nx,cheap\n", {"n": "numeric"}, "none of its values is a number.*'cheap'"),
    ],
)
def test_values_that_do_not_fit(with_items, tmp_path, table, features, message):
    with pytest.raises(InputError, match=message):
        with_items(table, features=features)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_missing_numbers_are_the_mean(with_items):
    dataset = with_items("id,n\nx,1\ny,n/a\nz,3\n", features={"n": "numeric"})
    assert dataset.feature("item", "n").tolist() == [-1.0, 1.0, 0.0, 0.0]


def test_column_without_values(with_items):
    table = "id,c,n\nx,,\n"
    dataset = with_items(table, features={"c": "categorical", "n": "numeric"})
    assert dataset.feature("item", "c").tolist() == [0, 0, 0, 0]
    assert dataset.feature("item", "n").tolist() == [0, 0, 0, 0]
    assert dataset.vocabulary("item", "c") == []


def test_a_feature_leaves_the_value_of_events_alone(write, prepared):
    """A feature is encoded in a column that is called like the role."""
    rows = [f"{line},{n}.5,red" for n, line in enumerate(SMALL_LOG.splitlines()[1:])]
    path = write("log.csv", "\n".join(["user,item,time,money,colour", *rows]))
    columns = {"user": "user", "item": "item", "time": "time", "value": "money"}
    features = {"colour": "categorical", "money": "numeric"}
    dataset = prepared(path, log={"columns": columns, "features": features})
    values = dataset.array("event_values").tolist()
    assert values == [0.5, 2.5, 4.5, 6.5, 8.5, 1.5, 3.5, 5.5, 7.5, 9.5]
    numbers = decode_feature(dataset, "event", dataset.manifest.event_features[1],
                             dataset.feature("event", "money"))  # fmt: skip
    assert numbers.tolist() == pytest.approx(values)
