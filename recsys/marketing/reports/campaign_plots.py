"""Plots of which users get what and what it changed, as matplotlib figures without global state."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.ticker
import numpy as np

from recsys.reports.plots import (
    ACCENT_COLOUR,
    INK_ON_COLOUR,
    MODEL_COLOUR,
    OTHER_COLOUR,
    STYLE,
    Figure,
    dots,
    styled_figure,
)

SENT, HELD_OUT, OPTED_OUT = "sent", "held out", "opted out"
COLOURS = {SENT: MODEL_COLOUR, HELD_OUT: "#86aedb", OPTED_OUT: "#6c707a"}
# Of reasons, in the order of their frequency.
REASON_COLOURS = ("#f0c05a", "#d98c4a", "#b3593f", "#cfd2d8", "#a7a0c4", "#8cbf88")
VERDICT_COLOURS = {"better": MODEL_COLOUR, "worse": ACCENT_COLOUR, "level": OTHER_COLOUR}
# Share of the longest bar that has room for a number.
ROOM = 0.05
LONGEST_NAME = 32


def where_audiences_go(parts: Mapping[str, Mapping[str, int]]) -> Figure:
    """What became of each campaign's audience, a bar a campaign.

    Args:
        parts: by campaign, users by what became of them: :data:`SENT`, :data:`HELD_OUT`,
            :data:`OPTED_OUT`, or the reason why they are left out.
    """
    total: Counter[str] = Counter()
    for part in parts.values():
        total.update(part)
    reasons = [name for name, _ in total.most_common() if name not in COLOURS]
    colours = {name: COLOURS[name] for name in (SENT, HELD_OUT)}
    colours |= dict(zip(reasons, cycle(REASON_COLOURS), strict=False))
    colours[OPTED_OUT] = COLOURS[OPTED_OUT]
    longest = max(sum(part.values()) for part in parts.values())
    columns = 3 if max(map(len, colours)) <= LONGEST_NAME else 2
    rows = -(-len(colours) // columns)
    with styled_figure(0.7 + 0.42 * len(parts) + 0.2 * rows) as figure:
        axes = figure.subplots()
        places, left = np.arange(len(parts))[::-1], np.zeros(len(parts))
        for name, colour in colours.items():
            users = np.array([part.get(name, 0) for part in parts.values()])
            if not users.any():
                continue
            axes.barh(places, users, 0.68, left=left, color=colour, label=name)
            ink = "white" if name in COLOURS and name != HELD_OUT else INK_ON_COLOUR
            for place, begin, count in zip(places, left, users, strict=True):
                if count > ROOM * longest:
                    middle = begin + count / 2
                    axes.text(middle, place, f"{count:,}", ha="center", va="center", color=ink)
            left += users
        axes.set_yticks(places, [_short(name) for name in parts])
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.grid(visible=False, axis="y")
        _title(figure, "What becomes of each audience (users)")
        figure.legend(loc="outside lower center", ncols=columns, frameon=False)
    return figure


def lifts(everyone: Mapping[str, Any], described: Mapping[str, Any] | None) -> Figure:
    """How many times as many held-out users of a seed are found as at random, with 95 % intervals.

    Args:
        everyone: of the ``seed_holdout`` of an audience: ``users``, and ``lifts``, each with
            ``best`` and ``embedding``.
        described: likewise among users with demographics, with ``demographics`` beside
            ``embedding``; None: there is no comparison.
    """
    labels, values, colours = [], [], []
    groups = [(everyone, "")]
    if described is not None:
        groups.append((described, " with demographics"))
    for group, which in groups:
        for lift in group["lifts"]:
            for by, colour in (("embedding", MODEL_COLOUR), ("demographics", ACCENT_COLOUR)):
                if by in lift:
                    labels.append(f"{by}: best {lift['best']:,} of {group['users']:,}{which}")
                    values.append(lift[by]["lift"])
                    colours.append(colour)
    with styled_figure(0.9 + 0.3 * len(labels)) as figure:
        axes = figure.subplots()
        dots(axes, labels, values, colours)
        axes.axvline(1, color=OTHER_COLOUR, linestyle="--", zorder=0)
        _title(figure, "Held-out users found, as a multiple of a random choice (dashed)")
    return figure


def uplifts(rows: Sequence[Mapping[str, Any]], title: str, shares: bool) -> Figure:
    """What campaigns changed, with 95 % intervals beside zero: a forest plot.

    Args:
        rows: of the picture, from above: ``campaign``, ``segment`` (None: everybody),
            ``difference``, ``low``, ``high``, and ``verdict``: ``better``, ``worse`` or
            ``level``, which gives it its colour.
        title: above them.
        shares: whether the differences are of shares of users, and are shown in points.
    """
    unit = 100 if shares else 1
    labels: list[str] = []
    values: list[dict[str, float | None]] = []
    colours: list[str] = []
    overalls: list[bool] = []
    for place, row in enumerate(rows):
        overall = row["segment"] is None
        if overall and place:  # a gap between campaigns
            labels.append("")
            values.append({})
            colours.append(OTHER_COLOUR)
            overalls.append(False)
        labels.append(_short(row["campaign"] if overall else row["segment"]))
        ends = {"value": row["difference"], "low": row["low"], "high": row["high"]}
        values.append({end: unit * value for end, value in ends.items()})
        colours.append(VERDICT_COLOURS[row["verdict"]])
        overalls.append(overall)
    with styled_figure(0.9 + 0.24 * len(labels)) as figure:
        axes = figure.subplots()
        dots(axes, labels, values, colours)
        for label, overall in zip(axes.get_yticklabels(), overalls, strict=True):
            label.set_fontweight("bold" if overall else "normal")
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color="#1b1d22", linewidth=1, zorder=0)
        axes.xaxis.set_major_formatter(_signed)
        _title(figure, title)
    return figure


def _title(figure: Figure, text: str) -> None:
    """Above a whole figure: beside long labels, the axes are too narrow for it."""
    size, weight = STYLE["axes.titlesize"], STYLE["axes.titleweight"]
    figure.suptitle(text, x=0.01, ha="left", fontsize=size, fontweight=weight)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _signed(value: float, _: float) -> str:
    return f"{value:+g}".replace("-", "\N{MINUS SIGN}") if value else "0"
