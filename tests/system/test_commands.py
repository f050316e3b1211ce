"""Commands of packages that are installed for a test."""

import pytest

from recsys.system.commands import COMMANDS
from recsys.system.plugins import plugins
from tests.commands import recsys as run
from tests.plugins import install


@pytest.fixture(autouse=True)
def _packages(monkeypatch):
    install(
        monkeypatch,
        COMMANDS,
        hello="tests.plugins:hello",
        broken="tests.plugins:absent",
        run="tests.plugins:hello",
    )
    yield
    plugins.cache_clear()


def test_a_function_is_a_command():
    assert run("hello", "world") == (0, "hello world\n", "")


def test_a_broken_one_is_left_out_of_the_help_with_one_warning():
    status, shown, said = run("--help")
    assert status == 0 and "Greet somebody." in shown and "broken" not in shown
    assert said.count("\n") == 1
    assert said.startswith("the command 'broken' is left out: ") and "AttributeError" in said


def test_a_broken_one_is_refused_where_it_is_asked_for():
    status, _, said = run("broken")
    assert status == 2 and "AttributeError" in said and "No such command 'broken'" in said


def test_the_others_are_not_imported():
    assert run("hello", "world")[2] == ""


def test_ours_cannot_be_replaced():
    assert "Prepare, train, evaluate and export" in run("run", "--help")[1]
