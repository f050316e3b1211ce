"""What training takes of memory is forecast, and refused where it is not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.models.retriever import ModelConfig
from recsys.training import build, fit
from recsys.training.memory import MemoryForecast, require_memory
from tests.datasets import checkerboard
from tests.models import zoo

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "case"), [("tensorflow", "lstm-full"), ("jax", "average-sampled")]
)
def test_the_forecast_is_not_below_what_is_measured(backend, case):
    """How far above differs by processor and stands in the benchmark; below it is nowhere."""
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts" / "benchmark" / "memory.py"), case, "--here"],
        env=os.environ
        | {"KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY), "XLA_FLAGS": ""}
        | {"MALLOC_MMAP_THRESHOLD_": "65536"},  # as the benchmark sets it: freed is given back
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert 0.9 * found["measured"] < found["forecast"] < 2 * found["measured"], found


def test_parts_are_named_and_the_way_out():
    needed = MemoryForecast(tables=2**30, optimizer=2**31, activations=2**29)
    require_memory(needed, needed.total, 2**32)
    with pytest.raises(InputError) as refused:
        require_memory(needed, needed.total, 2**31)
    said = str(refused.value)
    assert "3.50 GiB" in said and "optimizer 2.00" in said and "2.00 GiB left" in said
    assert "training.batch_size" in said


@pytest.mark.parametrize(
    ("free", "at"), [(0, "building"), (16 * 64 * 4, "slots"), (16 * 64 * 4 * 20, "activations")]
)
def test_training_is_refused_before_it_allocates(tmp_path, monkeypatch, free, at):
    monkeypatch.setattr(fit if at != "building" else build, "free_memory", lambda: free)
    dataset = checkerboard(tmp_path / "dataset", users=40, items=16)
    config = ModelConfig.model_validate(zoo.model("attention") | {"dim": 64})
    training = fit.TrainingConfig(batch_size=4096)

    def train() -> None:
        retriever = build.build_retriever(config, dataset, "train", 1)
        fit.fit(retriever, dataset, training, 1, tmp_path / "checkpoints")

    with pytest.raises(InputError, match="training needs about"):
        train()
    assert not (tmp_path / "checkpoints").exists()
