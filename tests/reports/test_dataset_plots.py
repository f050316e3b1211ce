"""Figures of a log: that they show the numbers."""

import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from recsys.data.dataset import Dataset
from recsys.reports import dataset_plots
from recsys.reports.plots import to_svg
from tests.datasets import checkerboard

DAYS = pd.date_range("2026-01-01", periods=3, tz="UTC", name="day")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """The checkerboard, a day an event."""
    dataset = checkerboard(tmp_path_factory.mktemp("log") / "dataset")
    times = np.tile(np.arange(6), dataset.users) * 86_400_000_000 + 1_767_225_600_000_000
    np.save(dataset.path / "event_times.npy", times)
    return Dataset(dataset.path)


@pytest.mark.parametrize(
    "name", ["volume", "long_tail", "events_per_user", "repeats", "drift", "parts"]
)
def test_every_figure_can_be_drawn(dataset, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        figure = getattr(dataset.plot, name)()
    assert isinstance(figure, Figure)
    # What a notebook shows, pyplot or not.
    assert figure._repr_svg_().encode() == to_svg(getattr(dataset.plot, name)())


def test_volume_stacks_the_parts():
    table = pd.DataFrame(
        {"train": [3, 1, 0], "validation": [0, 2, 0], "test": [0, 0, 4], "users": [1, 2, 3]},
        index=DAYS,
    )
    events, users = dataset_plots.volume(table).axes
    bars = [(bar.get_y(), bar.get_height(), bar.get_width()) for bar in events.patches]
    assert bars == [(0, 3, 1), (0, 1, 1), (0, 0, 1), (3, 0, 1), (1, 2, 1), (0, 0, 1), (3, 0, 1),
                    (3, 0, 1), (0, 4, 1)]  # fmt: skip
    assert [bar.get_height() for bar in users.patches] == [1, 2, 3]


def test_the_head_of_the_long_tail_is_told():
    share = np.array([0.5, *([0.5 / 99] * 99)])
    table = pd.DataFrame({"share": share, "cumulative": np.cumsum(share)})
    (axes,) = dataset_plots.long_tail(table).axes
    told = axes.get_title(loc="left")
    assert told == "1 item (1%): 50% of events; 10 items (10%): 55% of events"


def test_half_of_the_users():
    table = pd.DataFrame(
        {"share": [0.4, 0.2, 0.4], "at_least": [1.0, 0.6, 0.4]}, index=[1, 5, 1000]
    )
    (axes,) = dataset_plots.events_per_user(table).axes
    assert axes.get_title(loc="left") == "Half of the users have 5 events or fewer"


def test_one_period_alone_can_be_drawn():
    table = pd.DataFrame({"train": [3], "validation": [0], "test": [0], "users": [1]}, DAYS[:1])
    events, _ = dataset_plots.volume(table).axes
    assert events.patches[0].get_width() == 1
    numbers = {"events": [3], "new_items": [1.0], "new_users": [1.0], "overlap": [np.nan]}
    assert len(dataset_plots.drift(pd.DataFrame(numbers, DAYS[:1])).axes) == 1
