"""Plots of a sweep: how it went on, which settings mattered, and what was tried."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from recsys.reports.plots import (
    ACCENT_COLOUR,
    MODEL_COLOUR,
    OTHER_COLOUR,
    PAPER,
    Figure,
    styled_figure,
)
from recsys.system.display import printable
from recsys.tuning.search_space import Choices, Dimension, Range
from recsys.tuning.study import Tried, best_of

FAINT = "#c6cad1"
# Letters of the name of a choice.
LONGEST_NAME = 14


def history(tried: Sequence[Tried], metric: str, own: float | None) -> Figure:
    """The metric of each trial, and the best so far.

    Args:
        tried: in the order of their numbers.
        metric: such as ``ndcg@10``.
        own: what the experiment's own values reach; None where they were not tried.
    """
    valued = [trial for trial in tried if trial.value is not None]
    with styled_figure(2.9) as figure:
        axes = figure.subplots()
        for name, is_complete in (("complete", True), ("stopped early", False)):
            shown = [each for each in valued if (each.outcome == "complete") == is_complete]
            if not shown:
                continue
            axes.plot(
                [each.number for each in shown],
                [each.value or 0.0 for each in shown],
                "o",
                color=MODEL_COLOUR if is_complete else OTHER_COLOUR,
                markerfacecolor=MODEL_COLOUR if is_complete else "none",
                markersize=5,
                label=name,
            )
        numbers = [each.number for each in tried]
        best = [best_of([each for each in tried if each.number <= number]) for number in numbers]
        values = [math.nan if each is None else each.value or 0.0 for each in best]
        axes.step(numbers, values, where="post", color=ACCENT_COLOUR, label="best so far")
        if own is not None:
            axes.axhline(
                own, color=OTHER_COLOUR, linestyle=":", label="the experiment's own values"
            )
        axes.set(title=f"Validation {metric} by trial", xlabel="trial")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axes.legend(frameon=False, fontsize=8)
    return figure


def importances(shares: Mapping[str, float]) -> Figure:
    """What share each setting has in how well trials did.

    Args:
        shares: by dotted key, of 1.
    """
    names = sorted(shares, key=lambda key: shares[key])
    with styled_figure(0.9 + 0.3 * len(names)) as figure:
        axes = figure.subplots()
        bars = axes.barh(names, [shares[name] for name in names], color=MODEL_COLOUR, height=0.6)
        axes.bar_label(bars, [f"{100 * shares[name]:.0f} %" for name in names], padding=4)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axes.margins(x=0.1)
        axes.set(title="Share of the differences between trials")
    return figure


def parallel_coordinates(
    tried: Sequence[Tried], space: Mapping[str, Dimension], metric: str
) -> Figure:
    """Each trial as a line through its values and what it reached; the best one stands out.

    Args:
        tried: with what came of them.
        space: what they were drawn from.
        metric: the last axis.
    """
    shown = [trial for trial in tried if trial.value is not None]
    reached = [trial.value or 0.0 for trial in shown]
    low, high = min(reached, default=0.0), max(reached, default=1.0)
    span = (high - low) or 1.0
    best = best_of(list(tried))
    places = np.arange(len(space) + 1)
    with styled_figure(3.8) as figure:
        axes = figure.subplots()
        # The better, the later it is drawn.
        for trial in sorted(shown, key=lambda trial: (trial is best, trial.value)):
            share = ((trial.value or 0.0) - low) / span
            heights = [_height(space[key], trial.values[key]) for key in space]
            is_complete = trial.outcome == "complete"
            axes.plot(
                places,
                [*heights, share],
                color=_colour(trial is best, is_complete),
                alpha=1.0 if trial is best else 0.35 + 0.5 * share if is_complete else 0.7,
                linewidth=2.2 if trial is best else 1.2 if is_complete else 0.8,
            )
        for place, key in enumerate(space):
            _axis(axes, place, _marks(space[key]))
        _axis(axes, len(space), [(0.0, f"{low:.4f}"), (1.0, f"{high:.4f}")])
        axes.set_xticks(places, [_broken(key) for key in (*space, metric)], fontsize=7)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.set_xlim(-0.3, len(space) + 0.5)
        axes.set_ylim(-0.06, 1.06)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        axes.set(title="Values of each trial (red: the best; grey: stopped early)")
    return figure


def pareto_front(
    tried: Sequence[Tried],
    front: Sequence[Tried],
    metric: str,
    minimize: Sequence[str],
    own: Tried | None,
) -> Figure:
    """The metric against what the exported model takes, a panel each.

    Args:
        tried: with what came of them.
        front: those that no other one beats in all respects.
        metric: such as ``ndcg@10``.
        minimize: what is kept low.
        own: the trial of the experiment's own values, if there is one.
    """
    complete = [trial for trial in tried if trial.outcome == "complete"]
    with styled_figure(3.2) as figure:
        panels = figure.subplots(1, len(minimize), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, minimize, strict=True):
            others = [trial for trial in complete if trial not in front]
            for shown, colour, label in (
                (others, OTHER_COLOUR, "beaten by another one"),
                (front, ACCENT_COLOUR, "Pareto front"),
            ):
                if not shown:
                    continue
                xs, ys = [_shown(each, name) for each in shown], [each.value for each in shown]
                axes.plot(xs, ys, "o", color=colour, markersize=5, label=label)
            if len(minimize) == 1:  # of three objectives, the front is no line in one panel
                ordered = sorted(front, key=lambda trial: trial.taken[name])
                xs, ys = [_shown(each, name) for each in ordered], [each.value for each in ordered]
                axes.step(xs, ys, where="post", color=ACCENT_COLOUR, linewidth=1)
            for trial in front:
                axes.annotate(
                    str(trial.number),
                    (_shown(trial, name), trial.value or 0.0),
                    xytext=(5, 4),
                    textcoords="offset points",
                    fontsize=8,
                )
            if own is not None and own in complete:
                axes.plot(
                    _shown(own, name),
                    own.value or 0.0,
                    "o",
                    markersize=10,
                    markerfacecolor="none",
                    color=MODEL_COLOUR,
                    label="the experiment's own values",
                )
            axes.set(xlabel=_with_unit(name))
            axes.margins(0.12)
        panels[0].set(title=f"Validation {metric}, and what the exported model takes")
        panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def _shown(trial: Tried, name: str) -> float:
    """What the exported model takes, in the unit of the axis."""
    return trial.taken[name] / 2**20 if name.endswith("_bytes") else trial.taken[name]


def _with_unit(name: str) -> str:
    if name.endswith("_bytes"):
        return f"{name.removesuffix('_bytes').replace('_', ' ')} (MiB)"
    return f"{name.removesuffix('_ms').replace('_', ' ')} (ms)"


def _colour(is_best: bool, is_complete: bool) -> str:
    return ACCENT_COLOUR if is_best else MODEL_COLOUR if is_complete else FAINT


def _height(dimension: Dimension, value: Any) -> float:
    """Where on its axis a value lies, from 0 to 1."""
    if isinstance(dimension, Choices):
        place, last = dimension.choices.index(value), len(dimension.choices) - 1
        return place / last if last else 0.5
    low, high, here = (
        math.log(each) if dimension.log else each for each in (dimension.low, dimension.high, value)
    )
    return (here - low) / (high - low) if high > low else 0.5


def _marks(dimension: Dimension) -> list[tuple[float, str]]:
    if isinstance(dimension, Range):
        return [(_height(dimension, end), f"{end:g}") for end in dimension.ends]
    return [(_height(dimension, each), _name(each)) for each in dimension.choices]


def _axis(axes: Axes, place: int, marks: Sequence[tuple[float, str]]) -> None:
    axes.axvline(place, color=FAINT, linewidth=1, zorder=0)
    for height, text in marks:
        axes.text(
            place + 0.04,
            height,
            text,
            fontsize=7,
            va="center",
            # Apart from the lines; pages are dark or light, so the paper shows through.
            path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
        )


def _name(choice: Any) -> str:
    if isinstance(choice, dict) and "kind" in choice:
        return printable(choice["kind"], LONGEST_NAME)
    return printable(choice if isinstance(choice, str) else json.dumps(choice), LONGEST_NAME)


def _broken(key: str) -> str:
    """The last two parts of a key, in lines."""
    return "\n".join(key.split(".")[-2:]).replace("_", "_\n")
