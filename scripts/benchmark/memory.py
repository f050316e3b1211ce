"""Forecast memory of training against what is then measured, on CPUs.

    KERAS_BACKEND=jax python scripts/benchmark/memory.py [CASE …]

Each case runs in a process of its own: the growth of its resident memory from before
the model is built to the highest of some steps, with an allocator that gives memory
back at once. Prints a table, and last one JSON line: case → forecast over measured.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

import keras
import numpy as np
import psutil

from recsys.models.retriever import ModelConfig, Retriever
from recsys.training.memory import MemoryForecast, forecast
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import build_step

FULL = {"kind": "cross_entropy"}
SAMPLED = {"kind": "sampled_softmax", "negatives": {"kind": "uniform", "count": 1024}}
ENCODERS: dict[str, dict[str, Any]] = {
    "average": {"kind": "average"},
    "lstm": {"kind": "lstm", "units": 128},
    "gru": {"kind": "gru", "units": 128},
    "rnn": {"kind": "rnn", "units": 128},
    "cnn": {"kind": "cnn"},
    "attention": {"kind": "attention"},
    "ligr": {"kind": "attention", "block": "ligr"},
    "hstu": {"kind": "attention", "block": "hstu"},
}
CASES: dict[str, dict[str, Any]] = {
    f"{name}-{short}": {"encoder": encoder, "loss": loss, "items": 5000}
    for name, encoder in ENCODERS.items()
    for short, loss in (("full", FULL), ("sampled", SAMPLED))
}
CASES["catalogue-full"] = {"encoder": ENCODERS["average"], "loss": FULL, "items": 300_000}
CASES["catalogue-sampled"] = {
    "encoder": ENCODERS["average"],
    "loss": SAMPLED,
    "items": 3_000_000,
}
LANES, WIDTH, DIM = 128, 200, 64
# Memory that is freed is given back, and not counted.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**16)}


def train(case: dict[str, Any], lanes: int, width: int) -> MemoryForecast:
    """Builds a model, takes two steps and says what was forecast."""
    config = ModelConfig.model_validate(
        {
            "dim": DIM,
            "max_events": width - 1,
            "query": {"encoder": case["encoder"]},
            "loss": case["loss"],
        }
    )
    items, optimizer = case["items"], OptimizerConfig()
    retriever = Retriever(config, catalogue_items=items, known_items=items, users=1)
    generator = np.random.default_rng(0)

    def ids(*shape: int) -> np.ndarray:
        return generator.integers(0, items, (1, *shape)).astype(np.int32)

    packed, cells = retriever.packs_rows, lanes * width
    batches = {
        "history": ids(lanes, width if packed else width - 1),
        "positions": np.arange(cells, dtype=np.int32)[None],
        "targets": ids(cells),
        "weights": np.ones((1, cells), np.float32),
        "user": np.zeros((1, lanes), np.int32),
    }
    if packed:
        batches["row"] = np.zeros((1, lanes, width), np.int32)
        batches["place"] = np.tile(np.arange(width, dtype=np.int32), (1, lanes, 1))
    if "negatives" in case["loss"]:
        count = case["loss"]["negatives"]["count"]
        batches["negatives"] = ids(count)
        batches["negative_log_counts"] = np.zeros((1, count), np.float32)
    step = build_step(retriever, optimizer, 100)
    for _ in range(2):
        np.asarray(step.run(batches))
    return forecast(retriever, optimizer, batches, step.working_memory(batches))


def measure(case: dict[str, Any]) -> None:
    """Prints forecast and measured bytes of a case."""
    process = psutil.Process()
    train({**case, "items": 100}, 2, 4)  # libraries and threads
    before = highest = process.memory_info().rss
    finished = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not finished.is_set():
            highest = max(highest, process.memory_info().rss)
            time.sleep(0.001)

    watching = threading.Thread(target=watch)
    watching.start()
    expected = train(case, LANES, WIDTH)
    finished.set()
    watching.join()
    print(json.dumps({"forecast": expected.total, "measured": highest - before}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--here", action="store_true", help="one case, in this process")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    if arguments.here:
        measure(CASES[arguments.cases[0]])
        return
    found = {}
    print(f"{keras.backend.backend()}, {LANES} lanes of {WIDTH}, dim {DIM}; MB")
    for name in arguments.cases or CASES:
        done = subprocess.run(
            [sys.executable, __file__, name, "--here"],
            env=os.environ | ALLOCATOR,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result = json.loads(done.stdout.splitlines()[-1])
        found[name] = round(result["forecast"] / result["measured"], 3)
        forecast_mb, measured_mb = result["forecast"] / 1e6, result["measured"] / 1e6
        print(f"{name:18s} {forecast_mb:8.0f} {measured_mb:8.0f} {found[name]:6.2f}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
