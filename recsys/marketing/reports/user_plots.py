"""Plots of what users will do and where they stand, as matplotlib figures without global state."""

from collections.abc import Mapping, Sequence

import matplotlib.ticker
import numpy as np

from recsys.reports.plots import (
    ACCENT_COLOUR,
    INK_ON_COLOUR,
    MODEL_COLOUR,
    OTHER_COLOUR,
    Figure,
    styled_figure,
)

SEGMENT_COLOURS = {
    "loyal": "#1d4e89",
    "active": "#4c86c6",
    "new": "#8cbf88",
    "cooling": "#f0c05a",
    "dormant": "#d98c4a",
    "lost": "#a3a7af",
}
MOST_BARS = 12


def segments_over_time(dates: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Figure:
    """How many users each segment has, a bar for each date.

    Args:
        dates: in ISO 8601.
        counts: by segment, on each date.
    """
    with styled_figure(3.2) as figure:
        axes = figure.subplots()
        places, below = np.arange(len(dates)), np.zeros(len(dates))
        for name, colour in SEGMENT_COLOURS.items():
            users = np.array(counts[name])
            axes.bar(places, users, 0.7, bottom=below, color=colour, label=name)
            below += users
        axes.set_xticks(places, [date[:10] for date in dates])
        axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.grid(visible=False, axis="x")
        axes.set(title="Users by segment")
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1], labels[::-1], frameon=False, loc="center left", bbox_to_anchor=(1, 0.5)
        )
    return figure


def transitions(moved: Mapping[str, Sequence[int]], names: Sequence[str]) -> Figure:
    """Where the users of each segment are a period later, as shares of each row.

    Args:
        moved: by segment before, users in each segment after.
        names: of the segments after.
    """
    rows = {name: np.array(users) for name, users in moved.items() if sum(users)}
    shares = np.array([users / users.sum() for users in rows.values()])
    with styled_figure(0.9 + 0.42 * len(rows)) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        labels = [f"{name} ({users.sum():,})" for name, users in rows.items()]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_xticks(range(len(names)), names)
        axes.grid(visible=False)
        for row, column in np.ndindex(shares.shape):
            colour = "white" if shares[row, column] > 0.5 else INK_ON_COLOUR
            axes.text(
                column, row, f"{shares[row, column]:.0%}", ha="center", va="center", color=colour
            )
        axes.set(title="From the segment before (rows) to the one a period later (columns)")
    return figure


def gains_and_calibration(
    gains: Sequence[float], baseline: Sequence[float], calibration: Mapping[str, Sequence[float]]
) -> Figure:
    """Which users to address first, and whether probabilities come true.

    Args:
        gains: share of what happens that is found among the highest 0 to 100 %.
        baseline: the same of the baseline.
        calibration: ``predicted`` and ``happened`` of groups of users.
    """
    with styled_figure(3.2) as figure:
        found, meant = figure.subplots(1, 2)
        shares = np.linspace(0, 1, len(gains))
        found.plot(shares, gains, color=MODEL_COLOUR, label="prediction")
        found.plot(shares, baseline, color=ACCENT_COLOUR, label="baseline")
        found.plot([0, 1], [0, 1], "--", color=OTHER_COLOUR, label="at random")
        found.set(
            title="Whom to address first",
            xlabel="users addressed, the highest predictions first",
            ylabel="reached, of those who do",
        )
        found.legend(frameon=False)
        meant.plot([0, 1], [0, 1], "--", color=OTHER_COLOUR)
        meant.plot(
            calibration["predicted"], calibration["happened"], "o-", color=MODEL_COLOUR,
            markersize=4,
        )  # fmt: skip
        meant.set(title="Did predictions come true?", xlabel="predicted", ylabel="happened")
        for axes in (found, meant):
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
    return figure


def bars(values: Mapping[str, float], title: str) -> Figure:
    """Named numbers, the largest first; the smallest are left out where there are many.

    Args:
        values: by name.
        title: above them.
    """
    strongest = sorted(values.items(), key=lambda each: -abs(each[1]))[:MOST_BARS][::-1]
    with styled_figure(0.7 + 0.24 * len(strongest)) as figure:
        axes = figure.subplots()
        colours = [MODEL_COLOUR if value >= 0 else ACCENT_COLOUR for _, value in strongest]
        places = range(len(strongest))
        axes.barh(places, [value for _, value in strongest], 0.65, color=colours)
        axes.set_yticks(places, [name.replace("_", " ") for name, _ in strongest])
        axes.grid(visible=False, axis="y")
        axes.set(title=title)
    return figure


def by_segment(predicted: Mapping[str, Sequence[float]], title: str, shares: bool) -> Figure:
    """How predictions lie in each segment: the middle half, and the median.

    Args:
        predicted: by segment, of its users.
        title: above them.
        shares: whether predictions are probabilities.
    """
    with styled_figure(0.8 + 0.36 * len(predicted)) as figure:
        axes = figure.subplots()
        axes.boxplot(
            list(predicted.values())[::-1],
            orientation="horizontal",
            showfliers=False,
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": "#d7e3f1", "edgecolor": MODEL_COLOUR},
            medianprops={"color": ACCENT_COLOUR},
        )
        labels = [f"{name} ({len(users):,})" for name, users in predicted.items()][::-1]
        axes.set_yticks(range(1, len(labels) + 1), labels)
        if shares:
            axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axes.grid(visible=False, axis="y")
        axes.set(title=title)
    return figure


def sentiment(
    by: str, groups: Sequence[tuple[str, float, int]], years: Sequence[tuple[int, float, int]]
) -> Figure:
    """How positive reviews are, in groups and over the years.

    Args:
        by: what the groups are.
        groups: name, mean sentiment and reviews of each.
        years: likewise.
    """
    shown = sorted(groups, key=lambda each: -each[2])[:MOST_BARS][::-1]
    with styled_figure(max(2.6, 0.9 + 0.26 * len(shown))) as figure:
        grouped, yearly = figure.subplots(1, 2)
        grouped.barh(range(len(shown)), [mean for _, mean, _ in shown], 0.65, color=MODEL_COLOUR)
        grouped.set_yticks(range(len(shown)), [f"{name} ({n:,})" for name, _, n in shown])
        grouped.grid(visible=False, axis="y")
        grouped.set(title=f"Mean sentiment by {by} (reviews)", xlim=(0, 1))
        places = [year for year, _, _ in years]
        yearly.plot(places, [mean for _, mean, _ in years], "o-", color=MODEL_COLOUR, markersize=4)
        yearly.set(title="Mean sentiment by year", ylim=(0, 1))
        yearly.xaxis.get_major_locator().set_params(integer=True)
    return figure
