"""Plots of a run, as matplotlib figures without global state.

Every function takes parts of the run folder's documents as they are read and
returns a new figure; nothing is shown, saved or registered with pyplot.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure

if TYPE_CHECKING:
    from recsys.evaluation.comparison import Comparison

MODEL_COLOUR = "#1d4e89"
OTHER_COLOUR = "#8a8f98"
ACCENT_COLOUR = "#d1495b"
WIDTH = 7.2  # inches
STYLE = {
    "axes.edgecolor": "#b8bcc4",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": "#33363d",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "font.size": 9,
    "grid.color": "#eceef1",
    "svg.hashsalt": "recsys",  # equal runs give equal files
    "text.color": "#1b1d22",
    "text.parse_math": False,  # a dollar is a dollar
    "xtick.color": "#33363d",
    "ytick.color": "#33363d",
}
POPULARITY_LABELS = (
    "most popular\ntenth",
    *(str(tenth) for tenth in range(2, 10)),
    "rarest\ntenth",
)


class Figure(MatplotlibFigure):
    """A figure that a notebook shows as it is, though pyplot was not told of it."""

    def _repr_svg_(self) -> str:
        return to_svg(self).decode()


@contextmanager
def styled_figure(height: float) -> Iterator[Figure]:
    """A new figure of the width that all have; what is drawn within the block has our style.

    Args:
        height: in inches.
    """
    with mpl.rc_context(STYLE):
        yield Figure(figsize=(WIDTH, height), layout="constrained")


def learning_curve(history: Sequence[Mapping[str, Any]], metric: str) -> Figure:
    """The training loss, and the validation metric with its best epoch, by epoch.

    Args:
        history: ``history.json``: a mapping an epoch with ``epoch``, ``loss``
            and, in epochs that were validated, ``metric``.
        metric: such as ``ndcg@10``.
    """
    with styled_figure(2.7) as figure:
        loss, validation = figure.subplots(1, 2)
        epochs, losses = _series(history, "loss")
        loss.plot(epochs, losses, "o-", color=MODEL_COLOUR, markersize=3)
        loss.set(title="Training loss", xlabel="epoch")
        epochs, values = _series(history, metric)
        validation.plot(epochs, values, "o-", color=MODEL_COLOUR, markersize=3)
        validation.set(title=f"Validation {metric}", xlabel="epoch")
        if values:
            best = int(np.argmax(values))
            validation.plot(epochs[best], values[best], "o", color=ACCENT_COLOUR)
            validation.set_title(f"Validation {metric}: best {values[best]:.4f}")
        for axes in (loss, validation):
            axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _series(history: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    present = [epoch for epoch in history if epoch.get(key) is not None]
    return [int(epoch["epoch"]) for epoch in present], [float(epoch[key]) for epoch in present]


def beside_baselines(
    model: str,
    test: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, Mapping[str, Mapping[str, Any]]],
    metrics: Sequence[str],
) -> Figure:
    """A model and its baselines as dots with 95 % intervals, a panel a metric.

    Args:
        model: the model's name.
        test: ``metrics.json``'s ``test``: metric to value, low and high.
        baselines: ``metrics.json``'s ``baselines``: name to the same.
        metrics: which to show, such as ``["ndcg@10", "recall@10"]``.
    """
    contenders = {model: test, **baselines}
    with styled_figure(0.9 + 0.34 * len(contenders)) as figure:
        figure.set_layout_engine("constrained", wspace=0.08)
        panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for axes, metric in zip(panels, metrics, strict=True):
            values = [found.get(metric, {}) for found in contenders.values()]
            colours = [MODEL_COLOUR] + [OTHER_COLOUR] * len(baselines)
            dots(axes, list(contenders), values, colours)
            axes.set_title(metric)
            axes.set_xlim(left=0)
    return figure


def differences(comparisons: "Sequence[Comparison]", metric: str) -> Figure:
    """Paired differences as dots with 95 % intervals; those that are real have the accent colour.

    Args:
        comparisons: of contenders, two by two, of one metric.
        metric: which.
    """
    labels = [f"{each.model} − {each.other}" for each in comparisons]
    values = [
        {"value": each.difference, "low": each.low, "high": each.high} for each in comparisons
    ]
    colours = [ACCENT_COLOUR if each.real else OTHER_COLOUR for each in comparisons]
    with styled_figure(1.0 + 0.34 * len(comparisons)) as figure:
        axes = figure.subplots()
        axes.axvline(0, color="#b8bcc4", linewidth=1)
        dots(axes, labels, values, colours)
        axes.set(title=f"Difference in {metric} (95 % interval; grey: none shown)")
    return figure


def slices(found: Mapping[str, Mapping[str, Any]], metric: str) -> Figure:
    """One metric in every slice that has queries, as dots with 95 % intervals.

    Args:
        found: ``metrics.json``'s ``slices``: name to queries, users and metrics.
        metric: such as ``ndcg@10``.
    """
    shown = {name: cut for name, cut in found.items() if metric in cut.get("metrics", {})}
    labels = [f"{name.replace('_', ' ')} ({cut['queries']:,})" for name, cut in shown.items()]
    values = [cut["metrics"][metric] for cut in shown.values()]
    with styled_figure(0.9 + 0.3 * len(shown)) as figure:
        axes = figure.subplots()
        dots(axes, labels, values, [MODEL_COLOUR] * len(shown))
        axes.set(title=f"{metric} by slice (queries)")
        axes.set_xlim(left=0)
    return figure


def popularity(groups: Mapping[str, Sequence[float]]) -> Figure:
    """Where recommendations and histories fall, from the most popular items to the rarest.

    Args:
        groups: ``metrics.json``'s ``popularity``: ``recommended`` and
            ``consumed``, the shares of ten groups of equally many items.
    """
    places = np.arange(len(groups["consumed"]))
    with styled_figure(2.9) as figure:
        axes = figure.subplots()
        axes.bar(places - 0.2, groups["consumed"], 0.4, color=OTHER_COLOUR, label="consumed")
        axes.bar(places + 0.2, groups["recommended"], 0.4, color=MODEL_COLOUR, label="recommended")
        axes.set_xticks(places, POPULARITY_LABELS[: len(places)])
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axes.grid(visible=False, axis="x")
        axes.set(title="Share of what is consumed and recommended, by popularity of the item")
        axes.legend(frameon=False)
    return figure


def dots(
    axes: Axes,
    labels: Sequence[str],
    values: Sequence[Mapping[str, float | None]],
    colours: Sequence[str],
) -> None:
    """Dots with intervals: a row a label, the first on top; rows without a value stay empty.

    Args:
        axes: to draw on.
        labels: of the rows.
        values: of each row ``value``, ``low`` and ``high``, as far as there are any.
        colours: of the rows.
    """
    places = np.arange(len(labels))[::-1]
    for place, value, colour in zip(places, values, colours, strict=True):
        centre, low, high = (value.get(key) for key in ("value", "low", "high"))
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], "-", color=colour, linewidth=2)
        if centre is not None:
            axes.plot(centre, place, "o", color=colour, markersize=6, clip_on=False)
    axes.set_yticks(places, labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.grid(visible=False, axis="y")


def to_svg(figure: MatplotlibFigure) -> bytes:
    """The figure as an SVG document; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
