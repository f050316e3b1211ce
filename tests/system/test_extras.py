"""What is not installed is named, with the command that installs it."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.system.extras import MissingExtra, require

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
# Imported where a setting asks for them, each behind a message that names its extra.
BEHIND_A_MESSAGE = {
    *("dp_accounting", "implicit", "jax", "model_signing", "optuna"),
    *("onnx", "onnxruntime", "tf2onnx"),  # `recsys onnx`
    *("deltalake", "pyiceberg"),  # tables of a lake
    *("limits", "prometheus_client", "starlette", "uvicorn"),  # `recsys serve`
}
# What needs no name in `dependencies`: it comes with pydantic, with TensorFlow, and IPython with
# the notebook that is written into.
BROUGHT = {"pydantic_core", "google", "IPython"}
# Packages of the extras as they are imported.
OPTIONAL = (
    "implicit faiss optuna jieba stopwordsiso babel email_validator phonenumbers shap statsmodels "
    "s3fs gcsfs ipykernel jupyterlab tensorflow_recommenders dp_accounting model_signing limits "
    "starlette onnx onnxruntime tf2onnx deltalake pyiceberg"
)
# Runs commands and calls where packages cannot be found, as if they were not installed.
PROGRAM = """
import contextlib, io, json, sys
from importlib.machinery import PathFinder

hidden = sys.argv[1].split()
find = PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else find(name, path, target)

PathFinder.find_spec = find_spec
from recsys import cli

said = {}

def command(name, *arguments):
    sys.argv = ["recsys", *arguments]
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        try:
            cli.main()
        except SystemExit as stopped:
            said[name] = f"exit {stopped.code}: {errors.getvalue()}"

def call(name, function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        said[name] = f"{type(error).__name__}: {error}"

command("sweep", "sweep", "experiments/quickstart-sweep.yaml")
command("serve", "serve", "runs/shop")
said["early"] = str("keras" not in sys.modules)

from recsys.system.backend import start_backend
hidden.append("jax")
call("jax", start_backend)
hidden.remove("jax")

from pathlib import Path
from recsys.data.sources.files import find_files
call("remote", find_files, "s3://shop/log.csv", Path("."))
from recsys.data.sources.lakes.open_table import open_table
call("delta", open_table, "delta", "log", Path("."), None, None)
call("other store", find_files, "abfs://shop/log.csv", Path("."))

from recsys.evaluation.baselines.als import ALS
call("als", ALS.check, None, "train")

from recsys.export.export import require_retrieval_layers
call("export", require_retrieval_layers)

from recsys.api.onnx import export_onnx
call("onnx", export_onnx, None, None, None, None)

import recsys.pipeline  # all of the core that a run needs
print(json.dumps(said))
"""


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
    extras = set()
    for module in parsed().values():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
                extras |= {
                    ast.literal_eval(each.value) for each in node.keywords if each.arg == "extra"
                }
    assert extras >= {"baselines", "jax", "sweep"}
    assert extras <= set(PROJECT["optional-dependencies"])


@cache
def parsed() -> dict[Path, ast.Module]:
    return {
        file: ast.parse(file.read_text()) for file in sorted((REPOSITORY / "recsys").rglob("*.py"))
    }


def imports(module: ast.Module) -> Iterator[str]:
    """The packages that a module imports when it runs, not for types alone."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            yield child
            yield from walk(child)

    for node in walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


def named(requirement: str) -> str:
    return re.split(r"[\s\[<>=;!]", requirement)[0].lower()


def test_the_core_imports_what_it_depends_on_and_nothing_of_an_extra():
    imported = {
        package
        for file, module in parsed().items()
        if "marketing" not in file.parts
        for package in imports(module)
        if package not in sys.stdlib_module_names and package != "recsys"
    }
    brought_by = packages_distributions()
    distributions = {
        package: {name.lower() for name in brought_by[package]}
        for package in imported - BEHIND_A_MESSAGE - BROUGHT
    }
    core = {named(requirement) for requirement in PROJECT["dependencies"]}
    assert {package for package, names in distributions.items() if not names & core} == set()


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """By name, what commands and calls of the core say without the extras."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, OPTIONAL],
        **{"cwd": REPOSITORY, "env": os.environ | {"KERAS_BACKEND": "jax"}},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sweep", r"^exit 2: .*recsys sweep needs optuna, .*: pip install 'recsys\[sweep\]'"),
        ("serve", r"^exit 2: .*recsys serve needs starlette, .*: pip install 'recsys\[serving\]'"),
        ("early", "True"),  # before anything heavy is imported
        ("jax", r"MissingExtra: KERAS_BACKEND=jax needs jax, .*'recsys\[jax\]'"),
        ("remote", r"MissingExtra: reading s3://shop/log.csv needs s3fs, .*'recsys\[remote\]'"),
        ("delta", r"MissingExtra: reading the Delta table log needs deltalake, .*'recsys\[lake\]'"),
        ("other store", r"InputError: reading abfs://.* needs adlfs, .*pip install adlfs"),
        ("als", r"MissingExtra: the baseline als needs implicit, .*'recsys\[baselines\]'"),
        ("onnx", r"MissingExtra: recsys onnx needs onnx, .*'recsys\[onnx\]'"),
        ("export", r"InputError: the export needs .*--no-deps tensorflow-recommenders"),
    ],
)
def test_the_core_runs_without_the_extras_and_names_them(said, name, message):
    assert re.search(message, said[name]), said[name]
