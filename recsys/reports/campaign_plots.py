"""Plots of what goes to whom and what it changed, as matplotlib figures without global state."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

from recsys.reports.plots import ACCENT_COLOUR, MODEL_COLOUR, OTHER_COLOUR, STYLE, WIDTH, dots

SENT, HELD_OUT, OPTED_OUT = "sent", "held out", "opted out"
COLOURS = {SENT: MODEL_COLOUR, HELD_OUT: "#86aedb", OPTED_OUT: "#6c707a"}
# Of reasons, in the order of their frequency.
REASON_COLOURS = ("#f0c05a", "#d98c4a", "#b3593f", "#cfd2d8", "#a7a0c4", "#8cbf88")
# Share of the longest bar that has room for a number.
ROOM = 0.05


def where_audiences_go(parts: Mapping[str, Mapping[str, int]]) -> Figure:
    """What became of each campaign's audience, a bar a campaign.

    Args:
        parts: by campaign, users by what became of them: :data:`SENT`, :data:`HELD_OUT`,
            :data:`OPTED_OUT`, or the reason why they are left out.
    """
    total = {name: sum(part[name] for part in parts.values() if name in part)
             for part in parts.values() for name in part}  # fmt: skip
    reasons = sorted(set(total) - set(COLOURS), key=lambda name: (-total[name], name))
    colours = {
        SENT: COLOURS[SENT],
        HELD_OUT: COLOURS[HELD_OUT],
        **{
            name: REASON_COLOURS[place % len(REASON_COLOURS)] for place, name in enumerate(reasons)
        },
        OPTED_OUT: COLOURS[OPTED_OUT],
    }
    longest = max(sum(part.values()) for part in parts.values())
    rows = (len(colours) + 2) // 3
    with mpl.rc_context(STYLE):
        height = 0.7 + 0.42 * len(parts) + 0.2 * rows
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        places, left = np.arange(len(parts))[::-1], np.zeros(len(parts))
        for name, colour in colours.items():
            users = np.array([part.get(name, 0) for part in parts.values()])
            if not users.any():
                continue
            axes.barh(places, users, 0.68, left=left, color=colour, label=name)
            ink = "white" if name in COLOURS and name != HELD_OUT else "#1b1d22"
            for place, begin, count in zip(places, left, users, strict=True):
                if count > ROOM * longest:
                    middle = begin + count / 2
                    axes.text(middle, place, f"{count:,}", ha="center", va="center", color=ink)
            left += users
        axes.set_yticks(places, list(parts))
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.grid(visible=False, axis="y")
        axes.set(title="What becomes of each audience (users)")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def lifts(everyone: Mapping[str, Any], described: Mapping[str, Any] | None) -> Figure:
    """How many times as many hidden users of a seed are found as at random, with 95 % intervals.

    Args:
        everyone: of the ``likeness`` of an audience: ``users``, and ``lifts``, each with ``best``
            and ``embedding``.
        described: likewise among users with demographics, with ``demographics`` beside
            ``embedding``; None: there is no comparison.
    """
    labels, values, colours = [], [], []
    for hidings, who in ((everyone, ""), (described, " with demographics")):
        for lift in hidings["lifts"] if hidings else ():
            for by, colour in (("embedding", MODEL_COLOUR), ("demographics", ACCENT_COLOUR)):
                if by in lift:
                    labels.append(
                        f"{by}: best {lift['best']:,} of {hidings['users']:,}{who}"
                    )
                    values.append(lift[by]["lift"])
                    colours.append(colour)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(labels)), layout="constrained")
        axes = figure.subplots()
        dots(axes, labels, values, colours)
        axes.axvline(1, color=OTHER_COLOUR, linestyle="--", zorder=0)
        axes.set(title="Hidden users found, as a multiple of a random choice (dashed)")
    return figure


def uplifts(rows: Sequence[Mapping[str, Any]], title: str, shares: bool) -> Figure:
    """What campaigns changed, with 95 % intervals beside zero: a forest plot.

    Args:
        rows: of the picture, from above: ``campaign``, ``segment`` (None: everybody),
            ``difference``, ``low``, ``high``.
        title: above them.
        shares: whether the differences are of shares of users.
    """
    labels, values, colours = [], [], []
    for place, row in enumerate(rows):
        overall = row["segment"] is None
        if overall and place:  # a gap between campaigns
            labels.append("")
            values.append({})
            colours.append(OTHER_COLOUR)
        labels.append(row["campaign"] if overall else row["segment"])
        values.append({"value": row["difference"], "low": row["low"], "high": row["high"]})
        colours.append(MODEL_COLOUR if overall else OTHER_COLOUR)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.9 + 0.24 * len(labels)), layout="constrained")
        axes = figure.subplots()
        dots(axes, labels, values, colours)
        for label, colour in zip(axes.get_yticklabels(), colours, strict=True):
            label.set_fontweight("bold" if colour == MODEL_COLOUR else "normal")
        axes.tick_params(axis="y", length=0)
        axes.axvline(0, color=ACCENT_COLOUR, linewidth=1, zorder=0)
        if shares:
            axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:+.0f}")
        else:
            axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:+,g}"))
        axes.set(title=title)
    return figure
