"""What is not installed is named, with the command that installs it."""

import ast
import tomllib
from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.system.extras import MissingExtra, require

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the path, in which a test makes packages."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_is_installed_is_imported(folder):
    (folder / "here_i_am.py").write_text("answer = 42\n")
    assert require("here_i_am", extra="text", what="it").answer == 42


def test_what_is_not_installed_is_named_with_its_extra():
    with pytest.raises(MissingExtra) as caught:
        require("nowhere_at_all.inside", extra="sweep", what="recsys sweep")
    assert str(caught.value) == (
        "recsys sweep needs nowhere_at_all, which is not installed: pip install 'recsys[sweep]'"
    )
    assert isinstance(caught.value, InputError)


def test_what_an_installed_package_stands_on_is_named(folder):
    (folder / "stands_on_it.py").write_text("import nowhere_at_all\n")
    with pytest.raises(MissingExtra, match=r"needs nowhere_at_all, .*recsys\[text\]"):
        require("stands_on_it", extra="text", what="it")


def test_a_package_that_is_not_all_there_is_no_matter_of_an_extra(folder):
    (folder / "half_of_it").mkdir()
    (folder / "half_of_it" / "__init__.py").write_text("")
    with pytest.raises(ModuleNotFoundError, match=r"half_of_it\.other_half"):
        require("half_of_it.other_half", extra="text", what="it")


def test_another_failure_is_heard(folder):
    (folder / "breaks.py").write_text("raise ImportError('libgomp.so.1')\n")
    with pytest.raises(ImportError, match=r"libgomp\.so\.1"):
        require("breaks", extra="text", what="it")


def test_every_extra_that_the_code_names_is_there():
    named = set()
    for file in (REPOSITORY / "recsys").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
                named |= {
                    ast.literal_eval(each.value) for each in node.keywords if each.arg == "extra"
                }
    assert named >= {"baselines", "jax", "sweep"}
    assert named <= set(PROJECT["optional-dependencies"])
