import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG


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
    assert words_of(dataset) == [""] * 4 + list(TEXTS.values())


def test_words_are_kept_in_order_up_to_the_limit(with_items):
    table = "id,text\nx,a b c d e\ny,e a\n"
    dataset = with_items(table, features={"text": {"kind": "text", "max_words": 3}})
    assert words_of(dataset)[:3] == ["a b c", "", "e a"]
    assert dataset.feature("item", "text").shape == (4, 3)


def test_text_in_other_encodings(with_items):
    latin = "id,text\nx,Crème brûlée\n".encode("latin-1")
    with pytest.raises(InputError, match="encoding: cp1252"):
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
        "features": {"bio": {"kind": "text", "minimum_users": 1}},
    }
    dataset = prepared(write("log.csv", SMALL_LOG), users=table)
    assert sorted(dataset.vocabulary("user", "bio")) == ["straße", "σίσυφοσ", "日本茶"]
