import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.audiences.query import rows_where

TABLE = pd.DataFrame(
    {
        "user": ["a", "b", "c"],
        "value": [1.0, None, 3.0],
        "segment": pd.Categorical(["new", "lost", "new"]),
        "tags": [["x"], [], ["x", "y"]],
    },
    index=[7, 8, 9],
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("value > 1", [False, False, True]),
        ("value > 1 or segment = 'lost'", [False, True, True]),
        ("not value > 1", [True, False, False]),
        ("list_contains(tags, 'x')", [True, False, True]),
        ("User in ('c', 'd')", [False, False, True]),
        ("md5(user) < '5'", [True, False, True]),
        ("value > 1 -- a comment", [False, False, True]),
    ],
)
def test_the_condition_holds_where_it_is_known_to(condition, expected):
    found = rows_where(TABLE, condition, "here")
    assert found.tolist() == expected and found.index.tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    "condition",
    [
        "value >",
        "valu > 1",
        "user",
        "value",  # DuckDB would say yes to 1.0
        "null",
        "",
        "columns(*) is not null",
        "user in (select max(user) from given)",
        "random() < 0.5",
        "value > 5) or (1 = 1",
        "true) union all select * from given where (true",
        "true; drop table given",
        "user in (select user from read_csv('{file}'))",
    ],
)
def test_anything_else_is_refused(condition, tmp_path):
    file = tmp_path / "file.csv"
    file.write_text("user\na\n")
    with pytest.raises(
        InputError, match=r"^here: .* is not a condition on the columns user, value"
    ):
        rows_where(TABLE, condition.replace("{file}", str(file)), "here")
