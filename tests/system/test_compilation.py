"""Compiled programs: where they are kept, how long, and how they are counted."""

import os
from collections import Counter
from pathlib import Path

import pytest

from recsys.system import compilation
from recsys.system.compilation import Programs, cache_folder
from tests.processes import run_python


def test_the_cache_is_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("RECSYS_CACHE", str(tmp_path / "here"))
    assert cache_folder().parent == tmp_path / "here"
    monkeypatch.setenv("RECSYS_CACHE", "None")
    assert cache_folder() is None
    monkeypatch.delenv("RECSYS_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_folder().parent == tmp_path / ".cache" / "recsys" / "compiled"


def test_another_processor_has_a_folder_of_its_own(monkeypatch):
    here = cache_folder()
    monkeypatch.setattr(compilation, "instructions", lambda: {"fpu", "avx2"})
    assert cache_folder() != here


@pytest.mark.parametrize("named", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_said_and_not_used(tmp_path, named):
    (tmp_path / "file").write_text("")
    program = """
import jax, logging
jax.config.update("jax_compilation_cache_dir", None)
logging.basicConfig(format="%(message)s")
from recsys.system.compilation import programs, start_compilation
start_compilation()
jax.jit(lambda x: x + 1)(1.0)
print(jax.config.jax_compilation_cache_dir, programs().compiled["jit(<lambda>)"])
"""
    done = run_python("jax", "-c", program, RECSYS_CACHE=str(tmp_path / named))
    assert done.stdout.split() == ["None", "1"], done.stderr
    assert "cannot be written" in done.stderr and "RECSYS_CACHE" in done.stderr


def test_what_was_written_longest_ago_makes_room(tmp_path):
    for age, name in enumerate(["new", "old", "older", "oldest"]):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    compilation._make_room(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_the_difference_of_two_counts():
    before = Programs(
        Counter({compilation.TRAINING: 1}), seconds=Counter({compilation.TRAINING: 2})
    )
    after = Programs(
        Counter({compilation.TRAINING: 3, "jit(add)": 1}),
        Counter({"jit(predict_step)": 4}),
        Counter({compilation.TRAINING: 2.5, "jit(add)": 1.0}),
    )
    assert (after - before).as_dict() == {
        "training": {"compiled": 2, "found": 0, "seconds": 0.5},
        "ranking": {"compiled": 0, "found": 4, "seconds": 0.0},
        "others": {"compiled": 1, "found": 0, "seconds": 1.0},
    }
