"""The benchmark: contenders take turns, ratios are of turns of one round."""

import contextlib
import importlib
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[1] / "scripts" / "benchmark"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARK))
    return importlib.import_module("run")


def test_a_row_is_measured_from_end_to_end(benchmark, tmp_path, capsys):
    cases = importlib.import_module("cases")
    contenders = tuple(
        cases.Contender(name, role, "ours", "command.py", {"program": program})
        for name, role, program in (
            ("quick", "ours", "pass"),
            ("slow", "fair peer", "import time; time.sleep(0.3)"),
            ("broken", "library", "raise ValueError('no such thing')"),
        )
    )
    row = cases.Row("start", "starts", None, {}, contenders)
    measured = benchmark.measure(row, 2, 0.1, tmp_path / "environments", tmp_path)
    assert set(measured) == {"quick", "slow"}
    assert all(len(each.rates) == 2 for each in measured.values())
    assert all(0 < each.peak_gib < 0.2 for each in measured.values())
    found = benchmark.summary(row, measured)
    assert found["fastest_fair_peer"] > 1.5
    assert found["fastest_library"] is None
    assert "broken failed" in capsys.readouterr().err


def test_medians_of_ratios_by_hand(benchmark):
    cases = importlib.import_module("cases")
    row = cases.Row(
        "row",
        "events",
        None,
        {},
        (
            cases.Contender("ours", "ours", "ours", ""),
            cases.Contender("peer", "fair peer", "ours", ""),
            cases.Contender("other", "fair peer", "ours", ""),
            cases.MATRIX_PRODUCT,
        ),
        operations=2.0,
    )
    rates = {
        "ours": [10.0, 20.0, 30.0],
        "peer": [10.0, 10.0, 10.0],
        "other": [5.0, 5.0, 5.0],
        "matrix product": [100.0, 100.0, 100.0],
    }
    measured = {name: benchmark.Measured(each, 1.0) for name, each in rates.items()}
    found = benchmark.summary(row, measured)
    assert found["fastest_fair_peer"] == 2.0
    assert found["peers"]["other"]["ratio"] == 4.0
    assert found["share_of_matrix_product"] == 0.4


def test_every_contender_has_a_script_and_an_environment(benchmark):
    cases = importlib.import_module("cases")
    environments = importlib.import_module("environments")
    for row in cases.ROWS.values():
        assert row.contenders[0].role == "ours"
        for contender in row.contenders:
            assert (BENCHMARK / "contenders" / contender.script).is_file()
            assert contender.environment in {"ours", *environments.REQUIREMENTS}


def test_an_unknown_row_is_refused():
    done = subprocess.run(
        [sys.executable, str(BENCHMARK / "run.py"), "nothing", "--data", "."],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "no such row: nothing" in done.stderr


def test_what_checkpoints_cost_is_counted(benchmark, tmp_path):
    cost = importlib.import_module("checkpoints").Cost()
    from recsys.training.checkpoint import CheckpointWriter
    from recsys.training.checkpoint_folder import CheckpointFolder
    from recsys.training.fit import TrainingState, _Checkpoint

    writer = CheckpointWriter()
    with cost.counted(), contextlib.closing(writer):
        files = CheckpointFolder(tmp_path, writer)
        checkpoint = _Checkpoint(files, {}, mock.Mock(), mock.Mock(), steps_per_epoch=1)
        checkpoint.save_best(TrainingState(epoch=1, best_epoch=1), {"table": np.ones(1000)})
    assert cost.waited > 0 and cost.written > 0
    assert cost.sizes == [(tmp_path / "best-0001.npz").stat().st_size]
