"""A run in a few lines: the model beside its baselines, and which differences are real."""

import io
import json

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
    table = Table("", *names, box=None, title=f"{folder.path}: test", title_justify="left")
    for name, values in [(experiment.name, metrics["test"]), *metrics["baselines"].items()]:
        table.add_row(name, *(_cell(values[metric]) for metric in names))
    text = io.StringIO()
    Console(file=text, width=160).print(table)
    sentences = [comparison["sentence"] for comparison in metrics["comparisons"]]
    return text.getvalue() + "\n".join(sentences)


def _cell(value: dict) -> str:
    if value["low"] is None:
        return f"{value['value']:.4f}"
    return f"{value['value']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
