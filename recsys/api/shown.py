"""How a notebook shows a run."""

import html
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from recsys.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from recsys.experiment.schema import Experiment


class Shown(Protocol):
    """What is shown: a :class:`recsys.Run`."""

    path: Path

    @property
    def name(self) -> str:
        """Of the experiment."""
        ...

    @property
    def experiment(self) -> "Experiment":
        """The run's own."""
        ...

    @property
    def metrics(self) -> "pd.DataFrame":
        """Of the test part."""
        ...

    @property
    def comparisons(self) -> "pd.DataFrame":
        """With the baselines."""
        ...


def as_html(run: Shown, compared: bool) -> str:
    """The metric that decides, beside the baselines, and which differences are real.

    Args:
        run: as loaded; one that was not evaluated yet says so.
        compared: with the verdicts, which a model without its run lacks.
    """
    title = f"<b>{html.escape(run.name)}</b> <code>{html.escape(str(run.path))}</code>"
    try:
        found = run.metrics
        metric = run.experiment.evaluation.metric
        table = found.loc[[metric]].droplevel("metric") if metric in found.index else found
        verdicts = run.comparisons["sentence"].tolist() if compared else []
    except InputError as error:
        return f"{title}<p>{html.escape(str(error))}</p>"
    shown = table.rename_axis(metric).to_html(float_format="{:.4f}".format, border=0)
    said = "".join(f"<li>{html.escape(each)}</li>" for each in verdicts)
    return f"{title}{shown}<ul>{said}</ul>"
