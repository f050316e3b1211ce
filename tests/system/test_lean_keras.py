"""Packages that are kept out while Keras is imported, and nowhere else."""

import importlib
import json
import sys

import pytest

from recsys.system import backend
from recsys.system import lean_keras as module
from recsys.system.lean_keras import lean_keras
from recsys.system.wording import as_typed
from tests.processes import run_python

ABSENT = "module_of_nowhere"


def test_they_are_hidden_within_and_there_afterwards(monkeypatch):
    monkeypatch.setattr(module, "NEEDLESS", ("colorsys", "json", ABSENT))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean_keras():
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
        assert importlib.import_module("json") is json  # imported before, it stays
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(ABSENT)


def test_they_are_imported_again_where_something_failed(monkeypatch):
    monkeypatch.setattr(module, "NEEDLESS", ("colorsys",))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(RuntimeError), lean_keras():
        raise RuntimeError
    importlib.import_module("colorsys")


def test_commands_import_keras_so_and_programs_of_ones_own_do_not(monkeypatch):
    monkeypatch.setattr(module, "NEEDLESS", ("colorsys",))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    hidden = []
    monkeypatch.setattr(backend, "_runs", lambda: hidden.append("colorsys" in sys.modules))
    backend._import_quietly()
    with as_typed():
        backend._import_quietly()
    assert hidden == [False, True]


def test_a_program_is_run_as_by_itself(tmp_path):
    (tmp_path / "program.py").write_text("import sys; print(__name__, sys.argv[1:])")
    done = run_python(
        "tensorflow",
        *("-c", "import runpy, sys; sys.path.insert(0, ''); sys.argv = sys.argv;"
          "sys.argv = ['x', 'program', 'a', 'b'];"
          "runpy.run_module('recsys.system.lean_keras', run_name='__main__', alter_sys=True)"),
        cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == "__main__ ['a', 'b']\n", done.stderr
