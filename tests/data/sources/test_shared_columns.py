"""Roles that say different things have columns of their own, wherever columns are named."""

import pytest

import recsys
from recsys.data.sources.shared_columns import refuse_shared
from tests.data.conftest import SMALL_LOG


@pytest.mark.parametrize(
    "roles",
    [
        ("user", "item"),
        ("user", "time"),
        ("item", "time"),
        ("user", "order"),
        ("item", "session"),
        ("time", "value"),
        ("event", "split"),
        ("value", "quantity"),
    ],
)
def test_one_column_in_two_roles_is_refused(roles):
    columns = {"user": "u", "item": "i", "time": "t"} | dict.fromkeys(roles, "x")
    with pytest.raises(ValueError, match=f"'x' has the roles `{roles[0]}` and `{roles[1]}`"):
        refuse_shared(columns)


@pytest.mark.parametrize(
    "roles",
    [
        ("user", "session"),
        ("time", "order"),
        ("time", "session"),
        ("order", "session"),
        ("item", "campaign"),
        ("event", "value"),
        ("event", "channel"),
    ],
)
def test_what_may_be_the_same_is_let_through(roles):
    refuse_shared({"user": "u", "item": "i", "time": "t"} | dict.fromkeys(roles, "x"))


def test_init_refuses_it_before_it_writes_a_file(write, tmp_path):
    log = write("log.csv", SMALL_LOG)
    with pytest.raises(recsys.InputError, match="has the roles `user` and `item`"):
        recsys.init(log, tmp_path / "new.yaml", user="user", item="user")
    assert not (tmp_path / "new.yaml").exists()
