"""A run in a few lines: the model beside its baselines, and which differences are real."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recsys.runs.folder import RunFolder
from recsys.system.display import LONGEST_LINE, printable


def summary(folder: RunFolder) -> str:
    """The headline of a run's ``metrics.json`` as text.

    Args:
        folder: an evaluated run.
    """
    metrics = folder.read_metrics(["test", "baselines", "comparisons"])
    experiment = folder.read_experiment()
    headline = experiment.evaluation.metric
    k = headline.rpartition("@")[2]
    names = list(dict.fromkeys([headline, f"recall@{k}", f"hit_rate@{k}", f"mrr@{k}"]))
    rows = {experiment.name: metrics["test"], **metrics["baselines"]}
    sentences = [comparison["sentence"] for comparison in metrics["comparisons"]]
    return metrics_table(f"{folder.path}: test", names, rows) + "\n".join(sentences)


def metrics_table(
    title: str, names: Sequence[str], rows: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> str:
    """Metrics with their intervals as text.

    Args:
        title: above it.
        names: of the metrics, a column each.
        rows: of each contender, the metrics as ``metrics.json`` has them.
    """
    cells = {name: [_cell(values[metric]) for metric in names] for name, values in rows.items()}
    return as_text(title, names, [(name, *values) for name, values in cells.items()])


def as_text(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as text.

    Args:
        title: above it.
        columns: heads of all columns but the first.
        rows: of cells.
    """
    table = Table(
        "", *columns, box=None, title=Text(printable(title, LONGEST_LINE)), title_justify="left"
    )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    text = io.StringIO()
    # In a notebook rich would show the table at once, and leave the text empty.
    Console(file=text, width=160, force_jupyter=False, force_terminal=False).print(table)
    return text.getvalue()


def _cell(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "infinite"
    if value["low"] is None:
        return f"{value['value']:.4f}"
    return f"{value['value']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
