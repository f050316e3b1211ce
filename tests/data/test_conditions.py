import duckdb
import pytest

from recsys.data.conditions import check_yes_or_no, condition, explaining
from recsys.errors import InputError

COLUMNS = ("country", "qty", "Sold on", "tags", "city")


@pytest.fixture
def con():
    with duckdb.connect(config={"enable_external_access": "false"}) as con:
        con.execute(
            "CREATE TABLE given AS SELECT * FROM (VALUES"
            " ('DE', '5', DATE '2020-01-02', ['a'], 'Köln'),"
            " ('DE', 'some', DATE '2021-01-02', ['b'], NULL),"
            " ('FR', '7', NULL, ['a', 'b'], 'Nice')"
            ') AS given(country, qty, "Sold on", tags, city)'
        )
        yield con


def rows(con, text):
    given = con.table("given")
    asked = condition(con, text, COLUMNS, "here")
    check_yes_or_no(given, asked, "here")
    return [holds for (holds,) in given.select(asked).fetchall()]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("country = 'DE'", [True, True, False]),
        ("COUNTRY = 'DE' AND TRY_CAST(qty AS INT) > 0", [True, None, False]),
        ("country IN ('FR', 'IT') OR city IS NULL", [False, True, True]),
        ("\"Sold on\" >= DATE '2021-01-01'", [False, True, None]),
        ("\"Sold on\" BETWEEN '2020-01-01' AND '2020-12-31'", [True, False, None]),
        ("list_contains(tags, 'b') AND NOT city LIKE 'K%'", [False, None, True]),
        ("tags[1] = 'a'", [True, False, True]),
        ("length(coalesce(nullif(city, 'Nice'), '')) = 4", [True, False, False]),
        ("CASE WHEN country = 'DE' THEN qty <> 'some' ELSE true END", [True, False, True]),
        ("regexp_matches(country, '^F') -- what France bought", [False, False, True]),
        ("lower(country) = 'de' AND year(\"Sold on\") % 2 = 0", [True, False, False]),
    ],
)
def test_conditions_on_a_row(con, text, holds):
    assert rows(con, text) == holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("random() < 0.5", "'random' does not depend on the row alone"),
        ("\"Sold on\" > now()", "'now' does not depend"),
        ("\"Sold on\" > current_date", "no column 'current_date'"),
        ("sum(length(qty)) > 3", "'sum' does not depend"),
        ("getenv('HOME') = qty", "'getenv'"),
        ("(SELECT count(*) FROM read_text('/etc/passwd')) > 0", "holds a subquery"),
        ("qty IN (SELECT qty FROM given)", "holds a subquery"),
        ("row_number() OVER () > 1", "holds a window"),
        ("list_filter(tags, x -> x = 'a') = tags", "holds a lambda"),
        ("qty = $1", "holds a parameter"),
        ("COLUMNS(*) = 'a'", "holds a star"),
        ("1 = 1) FROM given; DROP TABLE given --", "syntax error"),
        ("country == ", "syntax error"),
        ("", "is not a condition on a row"),
        ("country = 'DE', true", "is not a condition on a row"),
        ("true; SELECT 1", "is not a condition on a row"),
        ("country = \"DE\"", "no column 'DE'.*single quotes"),
        ("given.country = 'DE'", "no column 'given'"),
        ("counrty = 'DE'", "no column 'counrty'.*country, qty"),
        ("soundslike(country, 'DE')", "no function 'soundslike'"),
        ("qty > 0", "Cannot compare.*TRY_CAST"),
        ("length(qty)", "gives BIGINT, not yes or no"),
        ("country", "gives VARCHAR, not yes or no"),
        ("+".join(["length(qty)"] * 900) + " > 0", "too deep|depth"),
    ],
)  # fmt: skip
def test_what_is_not_a_condition_on_a_row(con, text, message):
    with pytest.raises(InputError, match=message):
        rows(con, text)


def test_a_value_that_does_not_fit_is_explained(con):
    with (
        pytest.raises(InputError, match=r"here cannot be computed .*'some'.*TRY_CAST"),
        explaining("CAST(qty AS INT) > 0", "here"),
    ):
        rows(con, "CAST(qty AS INT) > 0")
    with pytest.raises(duckdb.ConversionException), explaining(None, "here"):
        con.execute("SELECT 'x'::INT")
