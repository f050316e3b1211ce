"""Reviews as a table."""

import pandas as pd
import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.marketing.sentiment.reviews import (
    ReviewColumns,
    ReviewsConfig,
    read_reviews,
    write_quarantine,
)
from tests.marketing.sentiment.texts import COLUMNS, read, rows, written

TABLE = pd.DataFrame(
    [
        (17.0, "b", " fine ", "4", "2020-01-02"),
        (17.0, "a", "bad", "3.5", "2020-01-01"),
        (18.0, "a", "  ", "5", "2020-01-01"),
        (18.0, "a", "good", None, "2020-01-01"),
        (18.0, "a", "good", "many", "2020-01-01"),
        (18.0, "a", "good", "5", "yesterday"),
        (None, "a", "good", "5", "2020-01-01"),
    ],
    columns=list(COLUMNS),
)


def test_reviews_are_read_in_order_of_time(tmp_path):
    found = read(tmp_path, TABLE, max_quarantined=1).table
    assert found["row"].tolist() == [2, 1]
    assert found["user"].tolist() == ["17", "17"]
    assert found["text"].tolist() == ["bad", "fine"]
    assert found["stars"].tolist() == [3.5, 4.0]
    assert found["time"].tolist() == [1577836800 * 10**6, 1577923200 * 10**6]
    assert found["positive"].tolist() == [False, True]


def test_what_cannot_be_used_is_kept_aside_with_the_reason(tmp_path):
    reviews = read(tmp_path, TABLE, max_quarantined=1)
    assert reviews.reasons == {
        "empty text": 1,
        "missing stars": 1,
        "non-numeric stars": 1,
        "unparseable time": 1,
        "empty user": 1,
    }
    assert reviews.notes == [
        "left out: 5 of 7 rows of the reviews (empty text 1, missing stars 1, non-numeric stars 1, "
        "unparseable time 1, empty user 1); they are in quarantine.parquet of the run"
    ]
    write_quarantine(reviews, tmp_path / "quarantine.parquet")
    kept = pd.read_parquet(tmp_path / "quarantine.parquet")
    assert kept["row"].tolist() == [3, 4, 5, 6, 7]
    assert kept["time"].tolist()[3] == "yesterday"
    assert kept["stars"].tolist()[2] == "many"


def test_reviews_that_repeat_are_noted(tmp_path):
    reviews = read(tmp_path, pd.concat([TABLE[:2], TABLE[:1]]))
    assert reviews.notes == [
        "1 of 3 reviews repeat another one in every column that is read, and were kept"
    ]


def test_a_line_that_is_no_row_is_kept_aside(tmp_path):
    config = written(tmp_path, rows(3))
    bad = 'u1,i1,"very "good"",5,1600000000'
    path = tmp_path / "reviews.csv"
    path.write_text(path.read_text() + bad + "\n")
    reviews = read_reviews(config)
    assert (len(reviews.table), reviews.reasons) == (3, {"broken quotes": 1})
    write_quarantine(reviews, tmp_path / "quarantine.parquet")
    kept = pd.read_parquet(tmp_path / "quarantine.parquet").iloc[0]
    assert (kept["file"], kept["line"], kept["raw"]) == (str(path), 5, bad)
    strict = config.model_copy(update={"max_quarantined": 0.0})
    with pytest.raises(InputError, match=r"1 of 4 reviews .*line 5 of .*reviews\.csv.*`escape`"):
        read_reviews(strict)


def test_what_is_positive_is_a_setting(tmp_path):
    found = read(tmp_path, TABLE, max_quarantined=1, positive_from=3).table
    assert found["positive"].all()


def test_parquet_with_a_missing_number_of_stars(tmp_path):
    table = rows(3).astype({"stars": float})
    table.loc[1, "stars"] = float("nan")
    table.to_parquet(tmp_path / "reviews.parquet")
    config = {"path": str(tmp_path / "reviews.parquet"), "columns": COLUMNS}
    found = read_reviews(ReviewsConfig.model_validate(config))
    assert found.reasons == {"missing stars": 1}
    assert found.table["time"].tolist() == [int(table["time"][row]) * 10**6 for row in (0, 2)]


def test_a_column_that_is_not_there_is_named(tmp_path):
    config = written(tmp_path, TABLE.rename(columns={"text": "reviewText"}))
    with pytest.raises(InputError, match=r"has no column 'text' \(text\).*reviewText"):
        read_reviews(config)


def test_too_many_unusable_rows_are_refused_with_an_example(tmp_path):
    with pytest.raises(InputError, match=r"5 of 7 reviews cannot be used.*For example row 3"):
        read(tmp_path, TABLE)


def test_a_table_without_rows_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no rows"):
        read(tmp_path, TABLE.iloc[:0])


def test_stars_are_read_by_their_format(tmp_path):
    table = rows(4).astype({"stars": str})
    table["stars"] = ["4,5", "3,5", "5", "\u00a02,0"]
    found = read(tmp_path, table, max_quarantined=1)
    assert found.reasons == {"non-numeric stars": 3}
    assert found.hint == '; set `decimal: ","` to read them as numbers'
    with pytest.raises(InputError, match=r'non-numeric stars; set `decimal: ","` to read'):
        read(tmp_path, table)
    assert sorted(read(tmp_path, table, decimal=",").table["stars"]) == [2.0, 3.5, 4.5, 5.0]


def test_item_and_text_have_columns_of_their_own():
    with pytest.raises(ValidationError, match="has the roles `item` and `text`"):
        ReviewColumns(user="u", item="x", text="x", stars="s", time="t")
