"""Forecast memory of training against what is then measured, on CPUs.

    KERAS_BACKEND=jax python scripts/benchmark/memory.py [CASE …]

Each case runs in a process of its own: the growth of its resident memory from before
the model is built to the highest of two steps, but for what the compiler takes, with
an allocator that gives memory back at once. Prints a table, and last one JSON line:
case → forecast over measured.
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

from recsys.batch import BatchSpec
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
    "frequency": {"kind": "frequency", "frequencies": 2},
    "time_varying": {"kind": "time_varying"},
}
CASES: dict[str, dict[str, Any]] = {
    f"{name}-{short}": {"encoder": encoder, "loss": loss, "items": 5000}
    for name, encoder in ENCODERS.items()
    for short, loss in (("full", FULL), ("sampled", SAMPLED))
}
CASES["catalogue-full"] = {"encoder": ENCODERS["average"], "loss": FULL, "items": 50_000}
CASES["catalogue-sampled"] = {
    "encoder": ENCODERS["average"],
    "loss": SAMPLED,
    "items": 3_000_000,
}
PHOTO = {"name": "photo", "kind": "image", "width": 32, "channels": 3}
for short, loss in (("full", FULL), ("sampled", SAMPLED)):
    CASES[f"pictures-{short}"] = {
        "encoder": ENCODERS["average"],
        "loss": loss,
        "items": 2000,
        "features": [PHOTO],
    }
LANES, WIDTH, DIM = 128, 200, 64
# Memory that is freed is given back, and not counted.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**16)}


class Training:
    """A model, its step and the batches that it takes."""

    def __init__(self, case: dict[str, Any], lanes: int, width: int) -> None:
        self.optimizer = OptimizerConfig()
        self.retriever = _retriever(case, width)
        self.batches = _batches(case, lanes, width, self.retriever.batch_spec)
        self.step = build_step(self.retriever, self.optimizer, 100)
        if keras.backend.backend() == "jax":
            import jax

            # Arrays are filled in the background: what is not yet would be taken for the
            # compiler's.
            jax.block_until_ready(jax.live_arrays())

    def forecast(self) -> MemoryForecast:
        """What is forecast; on JAX it compiles the step."""
        working = self.step.working_memory(self.batches)
        return forecast(self.retriever, self.optimizer, self.batches, working)

    def run(self) -> None:
        """Takes two steps."""
        for _ in range(2):
            np.asarray(self.step.run(self.batches))


def _retriever(case: dict[str, Any], width: int) -> Retriever:
    features = case.get("features", [])
    config = ModelConfig.model_validate(
        {
            "dim": DIM,
            "max_events": width - 1,
            "query": {"encoder": case["encoder"]},
            "loss": case["loss"],
            "item": {"features": [feature["name"] for feature in features]},
        }
    )
    items = case["items"]
    return Retriever(
        config, catalogue_items=items, known_items=items, users=1, item_features=features
    )


def _batches(
    case: dict[str, Any], lanes: int, width: int, spec: BatchSpec
) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    cells = lanes * width

    def ids(*shape: int) -> np.ndarray:
        return generator.integers(0, case["items"], (1, *shape)).astype(np.int32)

    batches = {
        "history": ids(lanes, width if spec.packed else width - 1),
        "query_positions": np.arange(cells, dtype=np.int32)[None],
        "targets": ids(cells),
        "weights": np.ones((1, cells), np.float32),
    }
    if spec.packed:
        batches["segment_ids"] = np.zeros((1, lanes, width), np.int32)
        batches["position_ids"] = np.tile(np.arange(width, dtype=np.int32), (1, lanes, 1))
    if "negatives" in case["loss"]:
        count = case["loss"]["negatives"]["count"]
        batches["negatives"] = ids(count)
        batches["negative_log_counts"] = np.zeros((1, count), np.float32)
    return batches


def measure(case: dict[str, Any]) -> None:
    """Prints forecast and measured bytes of a case."""
    process = psutil.Process()
    Training({**case, "items": 100}, 2, 4).run()  # libraries and threads
    before = process.memory_info().rss
    training = Training(case, LANES, WIDTH)
    built = process.memory_info().rss
    expected = training.forecast()
    # The compiler's own memory is none of the device's.
    highest = process.memory_info().rss
    before += highest - built
    finished = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not finished.is_set():
            highest = max(highest, process.memory_info().rss)
            time.sleep(0.001)

    watching = threading.Thread(target=watch)
    watching.start()
    training.run()
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
