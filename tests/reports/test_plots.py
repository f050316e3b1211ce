"""Plots show the numbers they are given."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from recsys.reports import plots
from tests.reports.synthetic import document, history


def test_learning_curve_marks_the_best_epoch() -> None:
    loss, validation = plots.learning_curve(history(), "ndcg@10").axes
    assert loss.lines[0].get_xdata().tolist() == list(range(1, 9))
    assert validation.lines[1].get_xdata().tolist() == [6]
    assert validation.get_title(loc="left") == "Validation ndcg@10: best 0.0900"


def test_learning_curve_with_epochs_that_were_not_validated() -> None:
    epochs = [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0, "ndcg@10": 0.1}]
    loss, validation = plots.learning_curve(epochs, "ndcg@10").axes
    assert len(loss.lines[0].get_xdata()) == 2
    assert validation.lines[0].get_xdata().tolist() == [2]
    assert len(plots.learning_curve(epochs[:1], "ndcg@10").axes[1].lines) == 1


def test_dots_and_intervals() -> None:
    found = document()
    figure = plots.beside_baselines("m", found["test"], found["baselines"], ["ndcg@10", "mrr@10"])
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["m", "popular", "recent_popular", "item_knn"]
    interval, dot = axes.lines[:2]
    assert interval.get_xdata() == pytest.approx([0.085 * 0.85, 0.085 * 1.15])
    assert list(dot.get_xdata()) == [0.085]
    assert list(dot.get_ydata()) == [3]


def test_a_value_without_an_interval_or_none_at_all() -> None:
    test = {"ndcg@10": {"value": 0.1, "low": None, "high": None}}
    axes = plots.beside_baselines("m", test, {"popular": {}}, ["ndcg@10"]).axes[0]
    assert len(axes.lines) == 1


def test_slices_leave_out_the_empty() -> None:
    axes = plots.slices(document()["slices"], "ndcg@10").axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[0] == "known items (880)"
    assert len(labels) == 4


def test_popularity() -> None:
    axes = plots.popularity(document()["popularity"]).axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert np.sum(heights) == pytest.approx(2)


def test_svg_is_well_formed_and_repeatable() -> None:
    groups = document()["popularity"]
    first = plots.to_svg(plots.popularity(groups))
    assert ET.fromstring(first).tag.endswith("svg")
    assert plots.to_svg(plots.popularity(groups)) == first


def test_pyplot_is_left_alone() -> None:
    program = "import sys, recsys.reports.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
