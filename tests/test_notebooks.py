"""The notebooks: each runs from top to bottom, on the public names alone, and keeps no output."""

import ast
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient.exceptions import CellExecutionError

import recsys
from recsys import marketing
from tests.logs import write_log
from tests.notebooks import NOTEBOOKS, execute_notebook, output, parameters_of

pytestmark = pytest.mark.slow

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
PUBLIC = {"recsys": {*recsys.__all__, "marketing"}, "recsys.marketing": set(marketing.__all__)}


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_store) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "runs").mkdir()
    (folder / "work").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def quickstart(project) -> nbformat.NotebookNode:
    return execute_notebook(
        "quickstart.ipynb", project / "work", source="generated", events=4000, epochs=1
    )


# Of every change, the README's Python and the script of the quickstart go the same way.
@pytest.mark.nightly
def test_quickstart_goes_from_a_frame_to_a_served_model(quickstart, project):
    assert {path.name for path in (project / "runs").glob("*/1")} == {"1"}
    assert sorted(path.parent.name for path in (project / "runs").glob("*/1")) == [
        "average",
        "lstm",
    ]
    assert len(output(quickstart, "image/svg+xml")) == 5
    printed = "".join(output(quickstart, "stdout"))
    assert "so seen='allow'" in printed
    # Of two models, two metrics; each in words.
    assert sum(line.startswith("average ") for line in printed.splitlines()) >= 2
    # TensorFlow alone answers as the run does.
    served, answered = [
        ast.literal_eval(text)
        for text in output(quickstart, "text/plain")
        if text.startswith("['i")
    ]
    assert served == answered and len(served) == 5
    assert "because of: " in "".join(output(quickstart, "text/html"))
    # Of MLflow's imports; what was left out of the log may be said.
    assert "Warning" not in "".join(output(quickstart, "stderr"))


@pytest.mark.nightly
def test_evaluate_shows_a_run(quickstart, project):
    notebook = execute_notebook("evaluate.ipynb", project / "work", run_folder="../runs/average")
    printed = "".join(output(notebook, "stdout"))
    assert "average: ../runs/average/1, judged by ndcg@10" in printed
    run = recsys.load(project / "runs" / "average")
    assert "\n".join(run.comparisons["sentence"]) in printed
    lift = 1 + run.metrics.loc[("popularity_bias@10", "average"), "value"]
    assert f"{lift:.2f} times as popular" in printed
    assert len(output(notebook, "image/svg+xml")) == 4
    tables = "".join(output(notebook, "text/html"))
    value, low, high = run.metrics.loc[("ndcg@10", "average")]
    assert f"{value:.4f}\n{low:.4f} to {high:.4f}" in tables
    assert tables.count("history, latest last") == 3 and "because of: " in tables


def test_evaluate_without_a_run_says_what_is_missing(tmp_path):
    with pytest.raises(CellExecutionError, match="there is no folder runs/nothing"):
        execute_notebook("evaluate.ipynb", tmp_path, run_folder="runs/nothing")


@pytest.mark.nightly
def test_a_log_is_explored_before_training(tmp_path):
    write_log(tmp_path)
    notebook = execute_notebook(
        "explore_log.ipynb",
        tmp_path,
        log="log.csv",
        items="items.csv",
        runs_dir="runs",
    )
    assert len(output(notebook, "image/svg+xml")) == 6
    printed = "".join(output(notebook, "stdout"))
    log = pd.read_csv(tmp_path / "log.csv")
    repeats = log.sort_values("time", kind="stable").duplicated(["user", "item"]).mean()
    assert f"{repeats:.1%} of the events are repeats" in printed
    assert "100% of the users have 20 events or more" in printed
    tables = "".join(output(notebook, "text/html"))
    assert "Item &lt;" in tables and ">95%<" in tables


@pytest.mark.nightly
def test_a_log_need_not_be_there(tmp_path):
    notebook = execute_notebook("explore_log.ipynb", tmp_path, events=2000, runs_dir="runs")
    assert len(output(notebook, "image/svg+xml")) == 6


@each_notebook
def test_only_public_names_are_used(path: Path):
    assert not private_names(source_of(path))


def test_private_names_are_found():
    code = "import recsys.cli\nfrom recsys.api import run\nfrom recsys import marketing, models"
    code += "\nrecsys.evaluation.metrics\nmarketing.page\nrecsys.train\nmarketing.load"
    assert sorted(private_names(code)) == [
        "import recsys.cli",
        "recsys.api",
        "recsys.evaluation",
        "recsys.marketing.page",
        "recsys.models",
    ]


@each_notebook
def test_parameters_are_values(path: Path):
    """As papermill reads them, to say which there are."""
    notebook = nbformat.read(path, as_version=4)
    for statement in ast.parse(notebook.cells[parameters_of(notebook)].source).body:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)


@each_notebook
def test_it_reads_as_a_document(path: Path):
    """A title first, and words before each chapter's first code."""
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert len(cell.source.splitlines()) > 1, cell.source


@each_notebook
def test_no_outputs_are_stored(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs") and not cell.get("execution_count")


def source_of(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


def private_names(code: str) -> list[str]:
    """What a program takes from the package beside its public names."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names if name.name.startswith("recsys.")]
            found += [f"import {name}" for name in names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("recsys"):
            room = str(node.module)
            if room not in PUBLIC:
                found.append(room)
            else:
                names = [name.name for name in node.names]
                found += [f"{room}.{name}" for name in names if name not in PUBLIC[room]]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            room = {"recsys": "recsys", "marketing": "recsys.marketing"}.get(node.value.id, "")
            if room and node.attr not in PUBLIC[room]:
                found.append(f"{room}.{node.attr}")
    return found
