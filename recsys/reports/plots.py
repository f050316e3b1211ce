"""Plots of a run, as matplotlib figures without global state.

Every function takes parts of the run folder's documents as they are read and
returns a new figure; nothing is shown, saved or registered with pyplot.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.colors
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure

from recsys.system.display import printable

if TYPE_CHECKING:
    from recsys.evaluation.comparison import Comparison

MODEL_COLOUR = "#1d4e89"
OTHER_COLOUR = "#8a8f98"
ACCENT_COLOUR = "#d1495b"
# Text on a coloured field, which stays as it is on a dark page.
INK_ON_COLOUR = "#101114"
# Told apart by people who do not see all colours (Okabe and Ito, Color Universal Design, 2008).
CATEGORY_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
# Of the page, around what is written over lines; not quite white, which may be a colour itself.
PAPER = "#fefefe"
# What is drawn for white paper, and what stands for it on a dark page.
DARK = {
    PAPER: "#15171b",
    "#1b1d22": "#e8eaee",
    "#33363d": "#c6cad2",
    "#b8bcc4": "#565b66",
    "#eceef1": "#2b2f37",
    "#1d4e89": "#7fb2ee",
    "#8a8f98": "#9a9fa9",
    "#d1495b": "#f2808f",
}
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
MOST_NAMED = 9  # items of a map
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


def item_map(found: Mapping[str, Any], colour: str = "events") -> Figure:
    """Items on the plane of their vectors' first two principal components.

    Args:
        found: ``item_map.json`` (see :func:`recsys.evaluation.item_map.item_map`), with points.
        colour: what colours them: ``events`` of each in training, or its ``category``.
    """
    x, y = np.asarray(found["x"]), np.asarray(found["y"])
    with styled_figure(4.6) as figure:
        axes = figure.subplots()
        # As pixels: thousands of shapes make a page heavy.
        style: dict[str, Any] = {"s": 14, "alpha": 0.8, "linewidths": 0, "rasterized": True}
        if colour == "events":
            events = np.asarray(found["events"])
            order = np.argsort(events, kind="stable")  # the frequent ones on top
            shade = mpl.colors.LogNorm(max(events.min(), 1), max(events.max(), 2))
            drawn = axes.scatter(
                x[order], y[order], c=np.maximum(events[order], 1), norm=shade, cmap="viridis",
                **style,
            )  # fmt: skip
            bar = figure.colorbar(drawn, ax=axes, label="training events", shrink=0.7)
            bar.outline.set_visible(False)
            bar.ax.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
            bar.ax.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
            _name_some(axes, x, y, found["titles"])
        else:
            category = found["category"]
            numbers = np.asarray(category["numbers"])
            axes.scatter(*(each[numbers < 0] for each in (x, y)), color=OTHER_COLOUR,
                         label="others" if (numbers < 0).any() else None, **style)  # fmt: skip
            for number, value in enumerate(category["values"]):
                places = numbers == number
                axes.scatter(x[places], y[places], color=CATEGORY_COLOURS[number],
                             label=_short(value), **style)  # fmt: skip
            figure.legend(frameon=False, loc="outside right upper", title=category["name"],
                          markerscale=1.6)  # fmt: skip
        first, second = (f"{share:.0%}" for share in found["explained"])
        axes.set(xlabel=f"first component ({first} of the variance)",
                 ylabel=f"second component ({second})", xticks=[], yticks=[])  # fmt: skip
        axes.set_title("Items by their vectors, coloured by " + (
            "how often they occur" if colour == "events" else found["category"]["name"]
        ))  # fmt: skip
    return figure


def _name_some(axes: Axes, x: np.ndarray, y: np.ndarray, titles: Sequence[str]) -> None:
    """Writes titles beside the most frequent items, as long as they have room."""
    taken: list[tuple[float, float]] = []
    wide, high = 0.24 * max(np.ptp(x), 1e-9), 0.07 * max(np.ptp(y), 1e-9)
    for title, left, low in zip(titles, x, y, strict=False):
        if all(abs(left - a) > wide or abs(low - b) > high for a, b in taken):
            taken.append((left, low))
            on_left = left > x.min() + 0.72 * np.ptp(x)
            axes.plot(left, low, "o", color=ACCENT_COLOUR, markersize=3.5)
            axes.annotate(
                _short(title), (left, low), xytext=(-5 if on_left else 5, 0),
                textcoords="offset points", ha="right" if on_left else "left", va="center",
                fontsize=8,
            )  # fmt: skip
        if len(taken) == MOST_NAMED:
            break


def _short(text: str) -> str:
    return printable(text, 26)


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


def to_svg(figure: MatplotlibFigure, transparent: bool = False) -> bytes:
    """The figure as an SVG document; equal figures give equal bytes.

    Args:
        figure: what to draw.
        transparent: leave the paper out, for a page that has its own.
    """
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(
            buffer, format="svg", metadata={"Date": None}, dpi=150, transparent=transparent
        )
    return buffer.getvalue()


def in_the_dark(svg: bytes) -> bytes:
    """A drawing for a white page as a dark page needs it: its colours replaced (:data:`DARK`)."""
    text = svg.decode("utf-8")
    return re.sub("#[0-9a-f]{6}", lambda found: DARK.get(found[0], found[0]), text).encode("utf-8")
