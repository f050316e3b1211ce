"""A plot of a replay shows when its triggers acted."""

import numpy as np
import pytest

from recsys.marketing.reports.replay_plots import actions_over_time

NOON = 1_700_000_000 // 86_400 * 86_400 + 12 * 3600


def bars(axes) -> np.ndarray:
    return axes.patches[0].get_data().values


def test_each_trigger_has_a_panel_and_keeps_its_actions() -> None:
    times = {"few": np.array([NOON + 60.0]), "many": NOON + 600.0 * np.arange(7)}
    figure = actions_over_time(times, NOON, NOON + 7200)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["many (7)", "few (1)"]
    assert bars(figure.axes[0]).sum() == 7 and bars(figure.axes[1]).sum() == 1
    assert figure.axes[1].get_xlabel() == "actions per 10 minutes (UTC)"
    # One every ten minutes, and the hour after them, when nothing was done.
    assert bars(figure.axes[0]).tolist() == [1] * 7 + [0] * 6


@pytest.mark.parametrize(
    ("days", "length"), [(0, "minute"), (3, "hour"), (7, "3 hours"), (100, "day"), (900, "4 weeks")]
)
def test_bars_are_as_long_as_the_replay_asks(days, length) -> None:
    times = {"back": NOON + 86_400 * np.linspace(0, days, 50)}
    figure = actions_over_time(times, NOON, NOON)
    assert figure.axes[0].get_xlabel() == f"actions per {length} (UTC)"
    assert bars(figure.axes[0]).sum() == 50


def test_the_most_active_of_many_triggers() -> None:
    times = {f"t{number}": NOON + np.zeros(number) for number in range(1, 15)}
    figure = actions_over_time(times, NOON, NOON + 1)
    assert len(figure.axes) == 10 and figure.axes[0].get_title(loc="left") == "t14 (14)"
