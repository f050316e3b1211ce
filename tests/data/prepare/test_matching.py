"""Side tables whose ids are written otherwise than in the log."""

import pytest

LOG = "user,item,time\n" + "".join(
    f"u{step % 2},{item},{100 + step}\n"
    for step, item in enumerate(["1", "20", "3", "1", "20", "3", "1", "20", "3", "1"])
)
ALIKE = ": write the ids alike in both files, as text"


def notes(write, prepared, log_ids, table_ids, colours="red"):
    text = LOG
    for old, new in zip(("1", "20", "3"), log_ids, strict=True):
        text = text.replace(f",{old},", f",{new},")
    table = "id,colour\n" + "".join(f"{each},{colours}\n" for each in table_ids)
    items = {
        "path": str(write("items.csv", table)),
        "key": "id",
        "features": {"colour": "categorical"},
    }
    dataset = prepared(write("log.csv", text), items=items)
    return dataset.manifest.quality


@pytest.mark.parametrize(
    ("log", "table", "form", "example"),
    [
        (["1", "20", "3"], ["000001", "000020", "000003"], "leading zeros", "'1', table '000001'"),
        (["0", "20", "3"], ["000", "020", "03"], "leading zeros", "'0', table '000'"),
        (["ab", "cd", "ef"], ["AB", "CD", "EF"], "case", "'ab', table 'AB'"),
        (["a b", "c d", "e f"], ["ab", "cd", "ef"], "blanks", "'a b', table 'ab'"),
        (["caf\u00e9", "\u00fc", "\u00e0"], ["cafe\u0301", "u\u0308", "a\u0300"],
         "Unicode form", r"'caf\xe9', table 'cafe\u0301'"),
        (["A\u200bb", "c d", "E"], ["AB", "cd", "e"], "case, Unicode form or blanks",
         r"'A\u200bb', table 'AB'"),
        (["97-8", "97-9", "9-70"], ["978", "979", "970"], "punctuation", "'9-70', table '970'"),
        (["1", "20", "3"], ["sku_1", "sku_20", "sku_3"], "what stands before the number",
         "'1', table 'sku_1'"),
    ],
)  # fmt: skip
def test_what_keeps_them_apart_is_named(write, prepared, log, table, form, example):
    quality = notes(write, prepared, log, table)
    assert quality["tables"] == {"item": {"ids": 3, "matched": 0, "rows": 3}}
    assert (
        "the item table has a row for none of the 3 items of the log, so that its features are "
        f"all missing; 3 of them differ in {form} only (log {example}){ALIKE}"
    ) in quality["notes"]


def test_few_that_match_and_values_that_are_missing(write, prepared):
    quality = notes(write, prepared, ["1", "20", "3"], ["1", "20", "9"], colours="")
    assert quality["tables"] == {"item": {"ids": 3, "matched": 2, "rows": 3}}
    assert quality["notes"] == [
        "1 of 3 items of the log (33.3%) have no row in their table (log '3'; table '9')",
        "items of the log without a value, of 3: colour 3",
    ]


def test_a_table_that_fits_says_nothing(write, prepared):
    quality = notes(write, prepared, ["1", "20", "3"], ["1", "20", "3", "0001"])
    assert quality["tables"] == {"item": {"ids": 3, "matched": 3, "rows": 4}}
    assert quality["notes"] == []


def test_users_likewise(write, prepared):
    users = {
        "path": str(write("users.csv", "id,country\nU0,de\nU1,fr\n")),
        "key": "id",
        "features": {"country": "categorical"},
    }
    quality = prepared(write("log.csv", LOG), users=users).manifest.quality
    assert quality["tables"] == {"user": {"ids": 2, "matched": 0, "rows": 2}}
    assert "none of the 2 users of the log" in quality["notes"][0]
    assert "differ in case only (log 'u0', table 'U0')" in quality["notes"][0]
