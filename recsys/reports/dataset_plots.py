"""Plots of a log before training, as matplotlib figures without global state."""

import matplotlib.dates
import matplotlib.ticker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from recsys.data.dataset import Dataset
from recsys.data.dataset_statistics import DatasetStatistics, Period
from recsys.data.manifest import PARTS
from recsys.reports.plots import ACCENT_COLOUR, MODEL_COLOUR, OTHER_COLOUR, Figure, styled_figure
from recsys.system.display import counted

PART_COLOURS = {"train": MODEL_COLOUR, "validation": OTHER_COLOUR, "test": ACCENT_COLOUR}
PERCENT = matplotlib.ticker.PercentFormatter(1.0, decimals=0)
# Shares of the items whose events are told in words.
HEADS = (0.01, 0.1)


class DatasetPlots:
    """Pictures of what :class:`recsys.data.dataset_statistics.DatasetStatistics` counts.

    Every method returns a new figure, which a notebook shows; nothing is registered with pyplot.

    Args:
        dataset: prepared.

    Example:
        >>> import tempfile
        >>> log = pd.DataFrame({
        ...     "u": ["ann", "bob"] * 5,
        ...     "i": ["x", "x", "y", "z", "z", "y", "w", "w", "x", "x"],
        ...     "t": pd.date_range("2026-01-01", periods=10, tz="UTC"),
        ... })
        >>> data = Dataset.from_frame(
        ...     log, user="u", item="i", time="t", validation_quantile=0.5, test_quantile=0.7,
        ...     runs_dir=tempfile.mkdtemp(),
        ... )
        >>> data.plot.volume("day").axes[0].get_title(loc="left")
        'Events a day'
    """

    def __init__(self, dataset: Dataset) -> None:
        self.statistics = DatasetStatistics(dataset)

    def volume(self, period: Period | None = None) -> Figure:
        """Events over time, coloured by the part of the split, and how many users were there.

        Args:
            period: hour, day, week or month; chosen by the length of the log by default.

        Raises:
            InputError: the log has no times.
        """
        return volume(self.statistics.volume(period))

    def long_tail(self) -> Figure:
        """The share of events that the most frequent items have."""
        return long_tail(self.statistics.long_tail())

    def events_per_user(self) -> Figure:
        """How many users have how many events."""
        return events_per_user(self.statistics.events_per_user())

    def repeats(self) -> Figure:
        """The share of events with an item that the user had before, by part."""
        return repeats(self.statistics.repeats())

    def drift(self, period: Period | None = None) -> Figure:
        """New items, new users, and how much of what happens is what happened before.

        Args:
            period: hour, day, week or month; chosen by the length of the log by default.

        Raises:
            InputError: the log has no times.
        """
        return drift(self.statistics.drift(period))

    def parts(self) -> Figure:
        """What the split made of the log: events, users and items by part, and who is new."""
        return parts(self.statistics.parts())


def volume(table: pd.DataFrame) -> Figure:
    """See :meth:`DatasetPlots.volume`.

    Args:
        table: of :meth:`recsys.data.dataset_statistics.DatasetStatistics.volume`.
    """
    with styled_figure(3.6) as figure:
        events, users = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        begins, ends = _bounds(table)
        days = (ends - begins) / np.timedelta64(1, "D")
        below = np.zeros(len(table))
        for part in PARTS:
            counts = table[part].to_numpy()
            events.bar(begins, counts, days, below, align="edge", color=PART_COLOURS[part],
                       label=part)  # fmt: skip
            below = below + counts
        events.set(title=f"Events a {table.index.name}")
        figure.legend(frameon=False, loc="outside lower center", ncols=len(PARTS))
        users.bar(begins, table.users, days, align="edge", color=OTHER_COLOUR)
        users.set(title=f"Users a {table.index.name}")
        _date(users)
        for axes in (events, users):
            axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    return figure


def long_tail(table: pd.DataFrame) -> Figure:
    """See :meth:`DatasetPlots.long_tail`.

    Args:
        table: of :meth:`recsys.data.dataset_statistics.DatasetStatistics.long_tail`.
    """
    with styled_figure(2.9) as figure:
        axes = figure.subplots()
        items = np.arange(len(table) + 1) / len(table)
        cumulative = np.concatenate(([0.0], table.cumulative))
        axes.plot(items, cumulative, color=MODEL_COLOUR)
        axes.plot([0, 1], [0, 1], ":", color=OTHER_COLOUR)
        told = []
        for head in HEADS:
            count = int(np.ceil(head * len(table)))
            axes.plot(count / len(table), cumulative[count], "o", color=ACCENT_COLOUR)
            items_told = counted(count, "item")
            told.append(f"{items_told} ({head:.0%}): {cumulative[count]:.0%} of events")
        axes.set(title="; ".join(told), xlabel="share of items, the most frequent first",
                 ylabel="share of events", xlim=(0, 1), ylim=(0, 1.02))  # fmt: skip
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PERCENT)
    return figure


def events_per_user(table: pd.DataFrame) -> Figure:
    """See :meth:`DatasetPlots.events_per_user`.

    Args:
        table: of :meth:`recsys.data.dataset_statistics.DatasetStatistics.events_per_user`.
    """
    with styled_figure(2.9) as figure:
        axes = figure.subplots()
        axes.step(table.index, table.at_least, where="post", color=MODEL_COLOUR)
        place = int(np.searchsorted(np.cumsum(table["share"]), 0.5))
        middle = int(table.index[place])
        axes.plot(middle, table.at_least.iloc[place], "o", color=ACCENT_COLOUR)
        axes.set(title=f"Half of the users have {counted(middle, 'event')} or fewer", xscale="log",
                 xlabel="events", ylabel="users with as many or more", ylim=(0, 1.02))  # fmt: skip
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_major_formatter(PERCENT)
    return figure


def repeats(table: pd.DataFrame) -> Figure:
    """See :meth:`DatasetPlots.repeats`.

    Args:
        table: of :meth:`recsys.data.dataset_statistics.DatasetStatistics.repeats`.
    """
    with styled_figure(1.9) as figure:
        axes = figure.subplots()
        places = np.arange(len(table))[::-1]
        colours = [PART_COLOURS.get(str(part), "#33363d") for part in table.index]
        bars = axes.barh(places, table["share"].fillna(0), color=colours)
        axes.bar_label(bars, [f" {share:.1%}" for share in table["share"]])
        axes.set_yticks(places, list(table.index))
        axes.xaxis.set_major_formatter(PERCENT)
        axes.grid(visible=False, axis="y")
        axes.set(title="Share of events with an item that the user had before", xlim=(0, 1))
    return figure


def drift(table: pd.DataFrame) -> Figure:
    """See :meth:`DatasetPlots.drift`.

    Args:
        table: of :meth:`recsys.data.dataset_statistics.DatasetStatistics.drift`.
    """
    lines = {
        "overlap": ("overlap with the one before", MODEL_COLOUR),
        "new_items": ("events with new items", ACCENT_COLOUR),
        "new_users": ("events by new users", OTHER_COLOUR),
    }
    with styled_figure(2.9) as figure:
        axes = figure.subplots()
        begins, _ = _bounds(table)
        for column, (label, colour) in lines.items():
            axes.plot(begins, table[column], "o-", color=colour, markersize=3, label=label)
        axes.yaxis.set_major_formatter(PERCENT)
        axes.set(title=f"Change from {table.index.name} to {table.index.name}", ylim=(0, 1.02))
        _date(axes)
        figure.legend(frameon=False, loc="outside lower center", ncols=len(lines))
    return figure


def parts(table: pd.DataFrame) -> Figure:
    """See :meth:`DatasetPlots.parts`.

    Args:
        table: of :meth:`recsys.data.dataset_statistics.DatasetStatistics.parts`.
    """
    table = table.loc[list(PARTS)]
    places = np.arange(len(table))[::-1]
    with styled_figure(1.9) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for axes, what in zip(panels, ("events", "users", "items"), strict=True):
            bars = axes.barh(places, table[what], color=[PART_COLOURS[part] for part in PARTS])
            new = table.get(f"new_{what}")
            told = [f" {count:,}" for count in table[what]]
            if new is not None:
                told = [
                    f"{text}, {share:.0%} new" if part != "train" and count else text
                    for text, part, count, share in zip(told, PARTS, table[what], new, strict=True)
                ]
            axes.bar_label(bars, told)
            axes.set_title(what.capitalize())
            axes.margins(x=0.6)
            axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3))
            axes.grid(visible=False, axis="y")
        panels[0].set_yticks(places, list(PARTS))
    return figure


def _date(axes: Axes) -> None:
    """Few ticks, each with what the one before it does not say."""
    locator = matplotlib.dates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))


def _bounds(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """When each period begins and ends, in UTC; the last is as long as the one before."""
    begins = pd.DatetimeIndex(table.index).tz_convert(None).to_numpy(dtype="datetime64[us]")
    last = begins[-1] - begins[-2] if len(begins) > 1 else np.timedelta64(1, "D")
    return begins, np.append(begins[1:], begins[-1] + last)
