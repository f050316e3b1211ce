"""A plot of what a replay did when, as a matplotlib figure without global state."""

from collections.abc import Mapping

import matplotlib.dates
import matplotlib.ticker
import numpy as np

from recsys.reports.plots import MODEL_COLOUR, Figure, styled_figure

MINUTE, HOUR, DAY = 60, 3600, 86_400
# How long a bar is, in seconds: the shortest that makes no more bars than MOST_BARS.
LENGTHS = {
    "minute": MINUTE,
    "10 minutes": 10 * MINUTE,
    "hour": HOUR,
    "3 hours": 3 * HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "4 weeks": 28 * DAY,
}
MOST_BARS, MOST_PANELS = 120, 10


def actions_over_time(times: Mapping[str, np.ndarray], first: float, last: float) -> Figure:
    """When each trigger acted, a panel a trigger with a scale of its own.

    Args:
        times: by trigger, of its actions, in seconds since 1970 UTC. Of many triggers those
            that acted most are shown.
        first: of the events replayed, likewise.
        last: likewise.
    """
    ordered = sorted(times, key=lambda name: -len(times[name]))[:MOST_PANELS]
    begin = min(first, *(times[name].min() for name in ordered))
    end = max(last, *(times[name].max() for name in ordered))
    length = next(
        (name for name in LENGTHS if (end - begin) / LENGTHS[name] < MOST_BARS), "4 weeks"
    )
    seconds = LENGTHS[length]
    begin -= begin % min(seconds, DAY)
    edges = begin + seconds * np.arange(int((end - begin) // seconds) + 2)
    with styled_figure(0.7 + 0.85 * len(ordered)) as figure:
        panels = figure.subplots(len(ordered), 1, sharex=True, squeeze=False)[:, 0]
        dates = matplotlib.dates.date2num(edges.astype("datetime64[s]"))
        for axes, name in zip(panels, ordered, strict=True):
            counts = np.histogram(times[name], edges)[0]
            axes.stairs(counts, dates, fill=True, color=MODEL_COLOUR)
            axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3, integer=True))
            axes.grid(visible=False, axis="x")
            axes.set_title(f"{name} ({len(times[name]):,})")
        ticks = matplotlib.dates.AutoDateLocator(minticks=3, maxticks=8)
        panels[-1].xaxis.set_major_locator(ticks)
        panels[-1].xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(ticks))
        panels[-1].set_xlabel(f"actions per {length} (UTC)")
    return figure
