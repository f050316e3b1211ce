"""A run in a few lines: the model beside its baselines, and which differences are real."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from recsys.run_folder import RunFolder


def summary(folder: RunFolder) -> str:
    """The headline of a run's ``metrics.json`` as text.

    Args:
        folder: an evaluated run.
    """
    metrics = json.loads(folder.metrics.read_text())
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
    table = Table("", *names, box=None, title=title, title_justify="left")
    for name, values in rows.items():
        table.add_row(name, *(_cell(values[metric]) for metric in names))
    text = io.StringIO()
    Console(file=text, width=160).print(table)
    return text.getvalue()


def _cell(value: Mapping[str, Any]) -> str:
    if value["low"] is None:
        return f"{value['value']:.4f}"
    return f"{value['value']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
