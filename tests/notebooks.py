"""Runs notebooks as an analyst would: with parameters, in a kernel of their own."""

import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = REPOSITORY / "notebooks"
TAG = "parameters"
# Exports start from a process that has imported TensorFlow already.
PREPARED = """
from tests.processes import exports_by_fork
by_fork = exports_by_fork()
by_fork.__enter__()
"""


def parameters_of(notebook: nbformat.NotebookNode) -> int:
    """The place of the cell that papermill would put the parameters behind."""
    (place,) = [
        place
        for place, cell in enumerate(notebook.cells)
        if TAG in cell.metadata.get("tags", []) and cell.cell_type == "code"
    ]
    return place


def execute_notebook(name: str, cwd: Path, **parameters: Any) -> nbformat.NotebookNode:
    """Runs a notebook in a folder, its parameters given as papermill gives them."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    given = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    injected = nbformat.v4.new_code_cell(given, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(parameters_of(notebook) + 1, injected)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(PREPARED))
    # A kernel is a process of its own: it must find the package, installed or not.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    client = NotebookClient(notebook, timeout=240, kernel_name="python3")
    return client.execute(cwd=str(cwd), env=environment)


def output(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """Everything of one kind (a MIME type, or ``stdout`` or ``stderr``) that the cells gave."""
    found = []
    for cell in notebook.cells:
        for each in cell.get("outputs", []):
            if each.output_type == "stream":
                found += [each.text] if each.name == kind else []
            elif kind in each.get("data", {}):
                found.append(each.data[kind])
    return found
