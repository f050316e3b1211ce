"""The seeds of an experiment in one table."""

import doctest
import re

from recsys.runs import summary
from recsys.runs.folder import RunFolder
from recsys.runs.summary import seeds_summary
from tests.finished_runs import write_experiment, write_finished_run


def test_each_seed_the_mean_and_the_spread(tmp_path):
    experiment = write_experiment(tmp_path)
    found = zip((1, 2, 3), (0.05, 0.06, 0.07), strict=True)
    runs = [write_finished_run(tmp_path / "runs", experiment, *each) for each in found]
    text = seeds_summary([RunFolder(run) for run in runs])
    cells = {line.split()[0]: re.findall(r"\d\.\d{4}", line) for line in text.splitlines()[1:]}
    # Worked out by hand: see tests/evaluation/test_seeds.py.
    assert cells["mean"][:3] == ["0.0600", "0.0352", "0.0848"]
    assert cells["spread"] == ["0.0100", "0.0000", "0.0000", "0.0000"]
    assert [line.split()[1] for line in text.splitlines() if "seed " in line[:6]] == ["1", "2", "3"]
    assert "shop: test, 3 seeds" in text


def test_the_example():
    assert doctest.testmod(summary).failed == 0
