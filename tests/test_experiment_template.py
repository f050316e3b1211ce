"""`recsys init`: the default that suits a log, unchanged."""

from pathlib import Path

import pytest
import yaml

from recsys.experiment import load_experiment
from recsys.experiment_template import DEFAULTS, write_template

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def log(events: int, moments: int, timed: bool = True) -> str:
    """A log of ten users, each with so many events at so many hours."""
    lines = ["user,item,time" if timed else "user,item"]
    for user in range(10):
        for event in range(events):
            time = f",{1_000_000_000 + event % moments * 3600}" if timed else ""
            lines.append(f"u{user},i{(user + event) % 7}{time}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text, default",
    [
        (log(events=6, moments=6), "sparse"),
        (log(events=40, moments=40), "dense"),
        # Two baskets of twenty items are two steps of a sequence.
        (log(events=40, moments=2), "sparse"),
        (log(events=40, moments=40, timed=False), "unordered"),
    ],
)
def test_the_default_follows_from_the_log(tmp_path, text, default):
    (tmp_path / "log.csv").write_text(text)
    write_template(str(tmp_path / "log.csv"), tmp_path / "experiment.yaml")
    written = yaml.safe_load((tmp_path / "experiment.yaml").read_text())
    sections = yaml.safe_load((DEFAULTS / f"{default}.yaml").read_text())
    assert {name: written[name] for name in ("model", "training")} == sections
    assert load_experiment(tmp_path / "experiment.yaml").model.dim == sections["model"]["dim"]


def test_a_log_that_is_split_already_needs_no_order(tmp_path):
    lines = [
        f"u{user},i{item},{'test' if item == 3 else 'train'}"
        for user in range(9)
        for item in range(4)
    ]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,split", *lines]))
    write_template(str(tmp_path / "log.csv"), tmp_path / "experiment.yaml")
    text = (tmp_path / "experiment.yaml").read_text()
    assert "split: {kind: fixed}" in text and "Neither time nor order" not in text


@pytest.mark.parametrize(
    "log, default",
    [("musical-instruments", "sparse"), ("online-retail", "sparse"), ("movielens-100k", "dense")],
)
def test_what_is_published_of_a_default_was_measured_with_it(log, default):
    experiment = yaml.safe_load((EXPERIMENTS / f"default-{log}.yaml").read_text())
    sections = yaml.safe_load((DEFAULTS / f"{default}.yaml").read_text())
    assert {name: experiment[name] for name in ("model", "training")} == sections
