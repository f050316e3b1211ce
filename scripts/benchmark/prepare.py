"""Seconds and peak memory of preparing a generated log.

    python scripts/benchmark/prepare.py --events 25000000

Each step runs in a process of its own, so that its peak memory (resident, in
GiB) is its own.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from recsys.data.generate import generate
from recsys.data.prepare import DataConfig, prepare


def data_config(folder: Path) -> DataConfig:
    """The generated log with all its side tables."""
    return DataConfig.model_validate(
        {
            "log": {
                "path": str(folder / "interactions.parquet"),
                "columns": {"user": "user", "item": "item", "time": "time", "value": "price"},
            },
            "users": {
                "path": str(folder / "users.parquet"),
                "key": "user",
                "features": {"country": "categorical", "age": "numeric"},
            },
            "items": {
                "path": str(folder / "items.parquet"),
                "key": "item",
                "title": "title",
                "features": {
                    "category": "categorical",
                    "tags": "multivalued",
                    "title": "text",
                    "price": "numeric",
                },
            },
        }
    )


def measured(name: str, step: Callable[..., object], *arguments: object) -> None:
    """Runs a step in a child process and prints its seconds and peak memory."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_measure, args=(queue, step, arguments))
    child.start()
    child.join()
    if child.exitcode != 0:
        raise SystemExit(f"{name} failed")
    seconds, gib = queue.get()
    print(f"{name}: {seconds:.1f} s, peak {gib:.2f} GiB", flush=True)


def _measure(queue: multiprocessing.Queue, step: Callable[..., object], arguments: tuple) -> None:
    begin = time.perf_counter()
    step(*arguments)
    seconds = time.perf_counter() - begin
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    queue.put((seconds, peak_kib / 2**20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=25_000_000)
    parser.add_argument("--users", type=int, default=500_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--folder", help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        log, datasets = Path(scratch) / "log", Path(scratch) / "datasets"
        measured("generate", generate, log, arguments.events, arguments.users, arguments.items)
        config = data_config(log)
        measured("prepare", prepare, config, datasets)
        measured("prepare again (reuse)", prepare, config, datasets)


if __name__ == "__main__":
    main()
