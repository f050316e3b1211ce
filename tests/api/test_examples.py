"""The examples of every public name are true."""

import contextlib
import importlib.util
from pathlib import Path

import pytest

import recsys
from tests.api.conftest import run_examples

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "scripts" / "check_public_names.py"
spec = importlib.util.spec_from_file_location("check_public_names", SCRIPT)
assert spec is not None and spec.loader is not None
check = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check)

PUBLIC = dict(check.public())


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_does_what_its_example_says(name, work, names):
    with contextlib.chdir(work):
        run_examples(PUBLIC[name], name, {"Dataset": recsys.Dataset, **names})


def test_every_public_name_is_documented():
    assert not {name: check.lacks(found) for name, found in PUBLIC.items() if check.lacks(found)}


def test_what_lacks_something_is_found():
    def bare(users, k: int = 3):
        return users

    assert check.lacks(bare) == [
        "a docstring",
        "an example",
        "the type of users, what it returns",
    ]
    assert check.lacks(property(bare))[0] == "a docstring"
