"""Plots of campaigns show the numbers they are given."""

import pytest
from matplotlib.figure import Figure

from recsys.marketing.reports import campaign_plots
from recsys.reports.plots import MODEL_COLOUR, OTHER_COLOUR, to_svg
from tests.marketing.folders import interval, seed_holdout


def labels(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_what_becomes_of_audiences_adds_up() -> None:
    parts = {
        "thanks (push)": {"sent": 70, "held out": 20, "too often": 10, "opted out": 0},
        "a campaign with a very long name (email)": {"sent": 5, "no offer": 12, "opted out": 3},
    }
    figure = campaign_plots.where_audiences_go(parts)
    assert labels(figure) == ["thanks (push)", "a campaign with a very long nam…"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    # Reasons between, the most frequent first.
    assert names == ["sent", "held out", "no offer", "too often", "opted out"]
    bars = [bar for bar in figure.axes[0].patches if bar.get_width()]
    for height, users in ((1, 100), (0, 20)):
        row = [bar for bar in bars if bar.get_y() < height < bar.get_y() + bar.get_height()]
        assert sum(bar.get_width() for bar in row) == users
        assert max(bar.get_x() + bar.get_width() for bar in row) == users


def test_lifts_stand_beside_one_and_demographics() -> None:
    found = seed_holdout()
    figure = campaign_plots.lifts(found["everyone"], found["described"])
    assert labels(figure) == [
        "embedding: best 25 of 250",
        "embedding: best 25 of 90 with demographics",
        "demographics: best 25 of 90 with demographics",
    ]
    lines = [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert lines == [[3, 5], [4], [3, 5], [4], [0.5, 2.5], [1.5], [1, 1]]


def test_a_lift_without_an_interval() -> None:
    everyone = {"users": 9, "lifts": [{"best": 2, "embedding": {"lift": interval(2, None, None)}}]}
    assert len(campaign_plots.lifts(everyone, None).axes[0].lines) == 2


@pytest.mark.parametrize(("shares", "unit"), [(True, 100), (False, 1)])
def test_uplifts_stand_beside_zero(shares, unit) -> None:
    rows = [
        {"campaign": "one", "segment": None, "difference": 0.1, "low": 0.0, "high": 0.2},
        {"campaign": "one", "segment": "$x$ ^", "difference": -0.1, "low": -0.3, "high": 0.1},
        {"campaign": "two", "segment": None, "difference": 0.3, "low": 0.2, "high": 0.4},
    ]
    for row, verdict in zip(rows, ("level", "level", "better"), strict=True):
        row["verdict"] = verdict
    figure = campaign_plots.uplifts(rows, "Uplift", shares)
    assert labels(figure) == ["one", "$x$ ^", "", "two"]
    intervals = [line.get_xdata() for line in figure.axes[0].lines[::2]]
    assert intervals[0] == pytest.approx([0, 0.2 * unit])
    assert intervals[1] == pytest.approx([-0.3 * unit, 0.1 * unit])
    assert intervals[-1] == pytest.approx([0, 0])  # the line of zero
    # Only what chance does not explain has the colour of a gain.
    colours = [line.get_color() for line in figure.axes[0].lines[:-1:2]]
    assert colours == [OTHER_COLOUR, OTHER_COLOUR, MODEL_COLOUR]
    assert b"<svg" in to_svg(figure)
