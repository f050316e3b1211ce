"""What a condition in SQL may say: about its row alone, always the same, in bounded time."""

import re
import time

import duckdb
import pytest

from recsys.data.prepare.conditions import (
    FUNCTIONS,
    OPERATORS,
    check_condition,
    check_yes_or_no,
    explaining,
    time_limit,
)
from recsys.errors import InputError

COLUMNS = ["user", "Value", "happened", "tags", "profile"]


@pytest.mark.parametrize(
    ("condition", "as_written"),
    [
        ("value > 1 and not lower(user) = 'x' -- why", "value > 1 and not lower(user) = 'x'"),
        ("value between 1 and 2;", "value between 1 and 2"),
        ('"Value" is null or value in (1, 2)', '"Value" is null or value in (1, 2)'),
        ("extract(year from happened) = 2026", None),
        ("happened >= timestamp '2026-01-01' - interval 30 day", None),
        ("user like 'a%' or user similar to 'b.*' or user not ilike 'c_'", None),
        ("list_contains(tags, 'x') or tags[1] = 'y'", None),
        ("profile.age > 17", None),
        ("case when value > 1 then true else coalesce(value = 0, false) end", None),
        ("try_cast(user as bigint) % 2 = 0", None),
        ("md5(user) < '8'", None),
    ],
)
def test_a_condition_on_a_row_is_given_back_as_one_expression(condition, as_written):
    assert check_condition(condition, COLUMNS, "here") == (as_written or condition)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("random() < 0.5", "could not be repeated"),
        ("happened > now()", "could not be repeated"),
        ("happened > current_date", "could not be repeated"),
        ("age(happened) > interval 1 year", "could not be repeated"),
        ("user = getenv('HOME')", "could not be repeated"),
        ("user = uuid()", "could not be repeated"),
        ("user in (select user from read_csv('x.csv'))", "may hold no subquery"),
        ("exists (from range(1000000000000))", "may hold no subquery"),
        ("value > (select max(range) from range(1000000000000))", "may hold no subquery"),
        ("row_number() over () < 10", "may hold no window"),
        ("count(*) > 1", r"count_star\(\) may not be used; there are abs, "),
        ("repeat('x', 1000000000) = user", r"repeat\(\) may not be used"),
        ("lpad(user, 1000000000, 'x') = user", r"lpad\(\) may not be used"),
        ("replace(user, 'a', 'aaaaaaaaaa') = user", r"replace\(\) may not be used"),
        ("len([x for x in range(1000000000000)]) > 1", "may not be used|no lambda"),
        ("tags::varchar[1000000000] is null", "array is not a plain type"),
        ("user = $1", "may hold no parameter"),
        ("columns(*) is null", "may hold no star"),
        ("other = 1", "there is no column 'other'"),
        ("1 = 1) or (1 = 1", "Parser Error"),
        ("true from other", "Parser Error|FROM"),
        ("true; drop table log", "Parser Error|more than one"),
        ("", "Parser Error"),
        ("not " * 300 + "true", "nested too deeply"),
        ("value in (" + "1, " * 5000 + "1)", "characters is too long"),
        ("(" * 1000 + "true", "brackets are nested too deeply"),
    ],
)
def test_anything_else_is_refused_at_once(condition, reason):
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"(?s)^data\.log\.where: .*(?:{reason})") as refused:
        check_condition(condition, COLUMNS, "data.log.where")
    assert time.monotonic() - began < 60  # evaluated, they would take hours
    assert len(str(refused.value)) < 2000


def test_the_functions_are_those_that_duckdb_answers_alike_each_time():
    known = dict(
        duckdb.sql(
            "select function_name, bool_and(coalesce(stability, 'CONSISTENT') = 'CONSISTENT') "
            "from duckdb_functions() where function_type in ('scalar', 'macro') "
            "group by function_name"
        ).fetchall()
    )
    grammar = {"if", "row", "regexp_full_match"}  # the parser makes others of them
    unknown = FUNCTIONS - set(known) - grammar
    assert not unknown
    assert [name for name in (FUNCTIONS | OPERATORS) & set(known) if not known[name]] == []


def test_what_takes_too_long_is_interrupted():
    endless = "select max(a.range + b.range) from range(1000000000) a, range(1000000) b"
    with (
        duckdb.connect() as con,
        pytest.raises(InputError, match=re.escape("audience 'x': the condition was not answered")),
        time_limit(con, "audience 'x'", seconds=0.2),
    ):
        con.execute(endless)


def test_other_failures_within_the_time_stay_what_they_are():
    with duckdb.connect() as con, pytest.raises(duckdb.ParserException), time_limit(con, "x"):
        con.execute("select from from")


GIVEN = ("country", "qty", "Sold on", "tags", "city")


@pytest.fixture
def given():
    with duckdb.connect(config={"enable_external_access": "false"}) as con:
        con.execute(
            "CREATE TABLE given AS SELECT * FROM (VALUES"
            " ('DE', '5', DATE '2020-01-02', ['a'], 'Köln'),"
            " ('DE', 'some', DATE '2021-01-02', ['b'], NULL),"
            " ('FR', '7', NULL, ['a', 'b'], 'Nice')"
            ') AS given(country, qty, "Sold on", tags, city)'
        )
        yield con.table("given")


def holds(given, condition):
    spelled = check_condition(condition, GIVEN, "here")
    check_yes_or_no(given, spelled, "here")
    return [yes for (yes,) in given.select(duckdb.SQLExpression(spelled)).fetchall()]


@pytest.mark.parametrize(
    ("condition", "expected"),
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
def test_a_condition_is_asked_of_each_row(given, condition, expected):
    assert holds(given, condition) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("qty > 0", "Cannot compare.*TRY_CAST"),
        ("length(qty)", "gives BIGINT, not yes or no"),
        ("country", "gives VARCHAR, not yes or no"),
    ],
)
def test_what_is_not_a_yes_or_no_is_refused(given, condition, message):
    with pytest.raises(InputError, match=message):
        holds(given, condition)


def test_a_value_that_does_not_fit_is_explained(given):
    with (
        pytest.raises(InputError, match=r"here cannot be computed .*'some'.*TRY_CAST"),
        explaining("CAST(qty AS INT) > 0", "here"),
    ):
        holds(given, "CAST(qty AS INT) > 0")
    with pytest.raises(duckdb.ConversionException), explaining(None, "here"):
        given.select(duckdb.SQLExpression("qty::INT")).fetchall()
