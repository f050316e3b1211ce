import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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


@pytest.fixture
def with_items(write, prepared):
    def prepare_with(table=TABLE, name="items.csv", **settings):
        items = {"path": str(write(name, table)), "key": "id", **settings}
        return prepared(write("log.csv", SMALL_LOG), items=items)

    return prepare_with


def test_every_kind(with_items):
    dataset = with_items(features=FEATURES, title="title")
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


def test_lines_that_are_no_rows_are_noted(with_items):
    table = 'id,brand\nx,acme\ny,"Red" lamp\nz\nw,zeta\n'
    dataset = with_items(table, features={"brand": "categorical"})
    assert dataset.feature("item", "brand").tolist() == [1, 0, 0, 2]
    note = next(note for note in dataset.manifest.quality["notes"] if "items.csv" in note)
    assert "2 lines cannot be read: line 3 (broken quotes): 'y" in note
    assert "line 4 (wrong number of cells): 'z'" in note


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
    table = {"path": str(users), "key": "who", "features": {"age": "categorical"}}
    dataset = prepared(write("log.csv", SMALL_LOG), users=table)
    assert dataset.user_ids == ["a", "b"]
    assert dataset.feature("user", "age").tolist() == [0, 1]
    assert dataset.vocabulary("user", "age") == ["40"]
    assert dataset.manifest.user_features[0].name == "age"


def test_duplicate_ids(with_items):
    table = "id,title,price\nx,Old,1\nx,,2\ny,Y,5\n"
    with pytest.raises(InputError, match=r"1 item ids have several rows: 'x' \(2 rows\)"):
        with_items(table)
    features = {"price": "numeric"}
    last = with_items(table, title="title", duplicates="last", features=features)
    assert last.item_titles[:3] == ["Old", "z", "Y"]
    assert last.manifest.item_features[0].mean == 3.5
    first = with_items(table, duplicates="first", features=features)
    assert first.manifest.item_features[0].mean == 3.0


@pytest.mark.parametrize(
    ("table", "features", "message"),
    [
        ("id,genre\nx,a\n", {"genres": "multivalued"}, "no column 'genres'.*mean 'genre'"),
        ("id,v\nx,1 2\ny,1 2 3\n", {"v": "vector"}, "mixed lengths: 1 rows of 2, 1 rows of 3"),
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


def words_of(dataset):
    """The words of the items' texts, in order."""
    vocabulary = ["", *dataset.vocabulary("item", "text")]
    return [
        " ".join(vocabulary[word] for word in row if word)
        for row in dataset.feature("item", "text")
    ]


TEXTS = {
    "Crème BRÛLÉE, 16x16cm": "crème brûlée 16x16cm",
    "cre\u0300me": "crème",
    "ＦＵＬＬ　ｗｉｄｔｈ ﬁsh": "full width fish",
    "STRASSE straße ΛΟΓΟΣ λόγος": "strasse strasse λογοσ λόγοσ",
    "红色台灯：二号": "红 色 台 灯 二 号",
    "iPhone手機ケース": "iphone 手 機 ケー ス",
    "ﾊﾝｶｸ": "ハ ン カ ク",
    "ที่นี่ดี": "ที่ นี่ ดี",
    "हिन्दी बिल्ली": "हिन्दी बिल्ली",
    "한국어 기타": "한국어 기타",
    "مرحبا، عالم": "مرحبا عالم",
    "❤️ guitar🎸 1️⃣ 👩‍👧": "guitar 1",
    "a\x07b\x00c\u200bd\ufeffe\x1b[0m": "a b c d e 0m",
    "🎸": "",
    "—…!": "",
    "": "",
}


def test_words_of_any_script(with_items):
    rows = [{"id": f"item {i:02}", "text": text} for i, text in enumerate(TEXTS)]
    table = "".join(json.dumps(row) + "\n" for row in rows)
    dataset = with_items(table, "items.jsonl", features={"text": "text"})
    assert words_of(dataset) == [""] * len(ITEMS) + list(TEXTS.values())


def test_words_are_kept_in_order_up_to_the_limit(with_items):
    table = "id,text\nx,a b c d e\ny,e a\n"
    dataset = with_items(table, features={"text": {"kind": "text", "max_words": 3}})
    assert words_of(dataset)[:3] == ["a b c", "", "e a"]
    assert dataset.feature("item", "text").shape == (4, 3)


def test_text_in_other_encodings(with_items):
    latin = "id,text\nx,Crème brûlée\n".encode("latin-1")
    with pytest.raises(InputError, match="encoding: latin-1"):
        with_items(latin, features={"text": "text"})
    dataset = with_items(latin, features={"text": "text"}, encoding="latin-1")
    assert words_of(dataset)[0] == "crème brûlée"


def test_text_stored_as_bytes(write, prepared, tmp_path):
    def prepare_bytes(text):
        file = tmp_path / f"{len(text)}.parquet"
        pq.write_table(pa.table({"id": ["x"], "text": pa.array([text], pa.binary())}), file)
        items = {"path": str(file), "key": "id", "features": {"text": "text"}}
        return prepared(write("log.csv", SMALL_LOG), items=items)

    assert words_of(prepare_bytes("Crème 日本".encode()))[0] == "crème 日 本"
    with pytest.raises(InputError, match="'text' holds bytes that are not UTF-8 text, such as Cr"):
        prepare_bytes("Crème".encode("latin-1"))


def test_a_user_text_is_split_as_it_is_served(write, prepared):
    """See ``tests/export/test_serving.py``: TensorFlow has no NFKC and no full case folding."""
    table = {
        "path": str(write("users.csv", "who,bio\na,ΣΊΣΥΦΟΣ straße-日本茶\n")),
        "key": "who",
        "features": {"bio": "text"},
    }
    dataset = prepared(write("log.csv", SMALL_LOG), users=table)
    assert sorted(dataset.vocabulary("user", "bio")) == ["straße", "σίσυφοσ", "日本茶"]


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


@pytest.mark.parametrize(
    ("values", "separator", "likely"),
    [
        (["red,blue", "red,big", "red"], "|", ","),
        (["a;b,c", "a;b", "a;b"], ",", None),
        (["a|b", "c|d", "e"], ", ", "|"),
        (["red", "blue", "a, b"], "|", None),
        (["", "", "a,b"], "|", ","),
    ],
)
def test_a_likely_separator_is_hinted_at(with_items, values, separator, likely):
    table = [{"id": item, "tags": tags} for item, tags in zip("xyz", values, strict=True)]
    tags = {"kind": "multivalued", "separator": separator}
    lines = "".join(json.dumps(row) + "\n" for row in table)
    notes = with_items(lines, "items.jsonl", features={"tags": tags}).manifest.quality["notes"]
    hints = [note for note in notes if "separator" in note]
    assert len(hints) == (likely is not None)
    for note in hints:
        assert note.startswith(f"item feature 'tags': no value holds the separator {separator!r}")
        assert note.endswith(f'to split them there, set `separator: "{likely}"`')
