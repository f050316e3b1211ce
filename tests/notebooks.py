"""Runs notebooks as an analyst would."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def execute_notebook(path: Path, cwd: Path, cells: int | None = None) -> nbformat.NotebookNode:
    """Runs a notebook, or its first cells only, in a folder."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = notebook.cells[:cells]
    return NotebookClient(notebook, timeout=240, kernel_name="python3").execute(cwd=str(cwd))


def output(notebook: nbformat.NotebookNode, kind: str) -> str:
    """Everything of one kind (a MIME type, or ``stdout``) that the cells gave."""
    found = []
    for cell in notebook.cells:
        for each in cell.get("outputs", []):
            found.append(each.get("data", {}).get(kind, ""))
            if kind == "stdout" and each.output_type == "stream":
                found.append(each.text)
    return "\n".join(found)
