"""The floors of the house, as import-linter reads them and as the interpreter does."""

import os
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import recsys

REPOSITORY = Path(__file__).parents[1]
CORE = [
    "recsys.data.batches.training_batches",
    "recsys.data.dataset",
    "recsys.evaluation.metrics",
    "recsys.evaluation.ranking",
    "recsys.models.retriever",
    "recsys.training.fit",
    "recsys.training.step_jax",
]
# What a dataset does for people, inside methods, is above what the training core reads of it.
FACES = {
    # What the package offers, imported when it is first asked for.
    "recsys": set(recsys._HOMES.values()),
    "recsys.data.dataset": {
        "recsys.data.dataset_statistics",
        "recsys.data.prepare.from_frame",
        "recsys.data.prepare.shown",
        "recsys.reports.dataset_plots",
    },
}
# Imports modules while others cannot be found, as if they were not installed.
IMPORT_WITHOUT = """
import importlib
import sys

modules, blocked = (argument.split(",") for argument in sys.argv[1:])

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r} (blocked)", name=name)

sys.meta_path.insert(0, Blocker())
for module in modules:
    importlib.import_module(module)
"""


def import_without(modules, blocked, **environment):
    return subprocess.run(
        [sys.executable, "-c", IMPORT_WITHOUT, ",".join(modules), ",".join(blocked)],
        **{"cwd": REPOSITORY, "env": os.environ | environment},
        capture_output=True,
        text=True,
    )


def test_imports_keep_to_the_floors():
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_module_imports_itself_by_way_of_others():
    """Nor where only the types of another are asked for."""
    graph = grimp.build_graph("recsys", exclude_type_checking_imports=False)
    imported = {
        each: graph.find_modules_directly_imported_by(each) - FACES.get(each, set())
        for each in graph.modules
    }
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        pytest.fail(f"imports in a circle: {' <- '.join(error.args[1])}")


def test_the_training_core_needs_keras_numpy_and_pydantic_only():
    # SciPy is not among them only because JAX imports it; import-linter watches over that.
    blocked = ["tensorflow", "tf_keras", "mlflow", "pandas", "ibis", "duckdb", "pyarrow"]
    done = import_without(CORE, blocked, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_command_line_starts_without_the_heavy_libraries():
    blocked = ["tensorflow", "jax", "keras", "mlflow", "pandas", "ibis", "duckdb", "matplotlib"]
    done = import_without(["recsys.cli"], blocked)
    assert done.returncode == 0, done.stderr[-3000:]
