import pandas as pd
import pyarrow as pa
import pytest

from recsys.data.prepare.variants import list_notes, variant_notes
from tests.data.conftest import COLUMNS, SMALL_LOG

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def test_ids_of_one_look_are_noted():
    ids = [COMPOSED, DECOMPOSED, "a\u200bb", "ab", "x y", "xy", "Ab", "\uff21b", "日本"]
    _, note = variant_notes(pa.chunked_array([ids]), "item")
    assert note == (
        "item ids that differ only in Unicode form were kept apart, 3 groups: "
        r"'Ab' and '\uff21b', 'ab' and 'a\u200bb', 'cafe\u0301' and 'caf\xe9'"
    )
    assert variant_notes(pa.chunked_array([["a", "b", "é"]]), "item") == []


def test_variants_are_kept_apart_and_edges_are_not(write, prepared):
    """As the log is, so is its table: only edges are trimmed, on both sides."""
    swaps = {",x,": f",{COMPOSED}\u00a0,", ",y,": f",{DECOMPOSED},", ",z,": ",\u200bz,"}
    log = SMALL_LOG
    for plain, odd in swaps.items():
        log = log.replace(plain, odd)
    table = f"id,price\n\ufeff{COMPOSED},1\n{DECOMPOSED.upper()},2\nz\u3000,3\n"
    items = {"path": str(write("items.csv", table)), "key": "id", "features": {"price": "numeric"}}
    dataset = prepared(write("log.csv", log), items=items)
    ids = [COMPOSED, "z", DECOMPOSED, "w", DECOMPOSED.upper()]
    assert dataset.item_ids == ids
    prices = dataset.feature("item", "price")
    assert dict(zip(ids, prices * 0.8164966 + 2, strict=True)) == pytest.approx(
        {COMPOSED: 1, "z": 3, DECOMPOSED: 2, "w": 2, DECOMPOSED.upper(): 2}
    )
    notes = "\n".join(dataset.manifest.quality["notes"])
    assert "item ids that differ only in Unicode form were kept apart, 1 group: " in notes
    assert "1 of them differ in case only" in notes


WORDS = ["nan", "NULL", "None", "N/A", "\\N", " - ", "<NA>", "#N/A"]


def words_for_users():
    return SMALL_LOG + "".join(f"{word},x,{100 + n}\n" for n, word in enumerate(WORDS))


def test_words_for_missing_values_are_missing_in_text(write, prepared):
    quality = prepared(write("log.csv", words_for_users() + "NA,x,100\n")).manifest.quality
    assert quality["quarantined"] == {"empty user": len(WORDS)}
    assert quality["notes"] == [
        "user ids that may mean a missing value, and were taken for ids: 'NA' (1 row); list in "
        "`null_values` the text that stands for a missing value"
    ]


@pytest.mark.parametrize("given", [[], ["NA", "?"]])
def test_what_means_missing_can_be_said(write, prepared, given):
    path = write("log.csv", words_for_users() + "NA,x,100\n ? ,x,100\n")
    dataset = prepared(path, log={"null_values": given})
    assert dataset.manifest.quality["quarantined"] == ({"empty user": 2} if given else {})
    assert dataset.manifest.quality["notes"] == []
    kept = {"a", "b", *(word.strip() for word in WORDS)}
    assert set(dataset.user_ids) == (kept if given else {*kept, "NA", "?"})


def test_words_of_typed_files_are_words(tmp_path, write, prepared):
    rows = [line.split(",") for line in words_for_users().splitlines()[1:]]
    log = pd.DataFrame(rows, columns=["user", "item", "time"])
    log["time"] = log["time"].astype(int)
    log.loc[0, "user"] = None
    log["channel"] = ["web", "None"] * (len(log) // 2)
    log.to_parquet(tmp_path / "log.parquet")
    lines = write("log.jsonl", log.astype(object).where(log.notnull(), None).to_dict("records"))
    columns = {"columns": {**COLUMNS, "channel": "channel"}}
    for path in (tmp_path / "log.parquet", lines):
        quality = prepared(path, log=columns).manifest.quality
        assert quality["quarantined"] == {"empty user": 1}
        users, channels = quality["notes"]
        assert "user ids that may mean a missing value" in users
        assert all(f"{word.strip()!r} (1 row)" in users for word in WORDS)
        assert "channel ids that may mean a missing value" in channels
        assert "'None' (9 rows)" in channels
    dropped = prepared(tmp_path / "log.parquet", log={**columns, "null_values": ["nan"]})
    assert dropped.manifest.quality["quarantined"] == {"empty user": 2}


def test_words_for_missing_values_are_missing_in_every_column(write, prepared):
    table = "id,title,brand,price\nx,N/A,None,-\ny,The Y,-,2\nz,NULL,acme,4\n"
    features = {"brand": "categorical", "price": "numeric"}
    items = {
        "path": str(write("items.csv", table)), "key": "id", "title": "title", "features": features
    }  # fmt: skip
    dataset = prepared(write("log.csv", SMALL_LOG), items=items)
    assert dict(zip(dataset.item_ids, dataset.item_titles, strict=True)) == {
        "x": "x", "y": "The Y", "z": "z", "w": "w",
    }  # fmt: skip
    assert dataset.vocabulary("item", "brand") == ["acme"]
    assert dataset.feature("item", "price").tolist() == [0, 1, -1, 0]  # x, z, y, w


def test_case_pairs_are_noted():
    notes = variant_notes(pa.chunked_array([["A1", "B", "a1", "b", "c"]]), "item")
    assert notes == [
        "item ids that differ only in case were kept apart, 2 groups: 'A1' and 'a1', 'B' and 'b'"
    ]
    assert variant_notes(pa.chunked_array([["a", "b"]]), "item") == []


def test_lists_in_place_of_an_item_are_noted():
    assert list_notes(pa.chunked_array([["1|2", "3|4", "5|6|7"]])) == [
        "3 of 3 item ids hold '|', such as '1|2': if they are lists, write a row for each of their "
        "items"
    ]
    assert list_notes(pa.chunked_array([["1|2", "3", "4"]])) == []


def test_spellings_of_one_id_are_said(write, prepared):
    """Ids that the rule of ids merges are said: nothing tells that they were two in the log."""
    log = SMALL_LOG.replace(",x,", ", x,", 1)
    user = log.splitlines()[1].partition(",")[0]
    log += f"7,x,100\n7.0,y,101\n7.00,y,102\n{user},9.0,103\n{user},9.0,104\n"
    dataset = prepared(write("log.csv", log))
    assert dataset.manifest.quality["notes"] == [
        "user ids that differ only in blanks around them or in `.0` behind them were taken for "
        "one, 1 group: '7' and '7.0' and '7.00'",
        "item ids that differ only in blanks around them or in `.0` behind them were taken for "
        "one, 1 group: ' x' and 'x'",
    ]
    assert "taken for one, 1 group: '7' and '7.0' and '7.00'" in repr(dataset)
