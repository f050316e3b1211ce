"""What checkpoints cost a training.

    python scripts/benchmark/checkpoints.py experiments/beauty-attention.yaml [KEY=VALUE …]

Trains the experiment's first seed in a folder that is removed, for ``--epochs`` epochs, and prints
one JSON line:

- ``seconds``: the training's, without preparation, compilation and validation;
- ``waited_share``: of it, that of seconds in which training waited for a checkpoint: the copy, and
  what an earlier one still had to write;
- ``written_share``: likewise, the CPU seconds of the thread that writes them beside training. On
  one core they come on top, with a core to spare they do not;
- ``checkpoints`` and ``bytes``: files written, and the size of the largest.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from recsys.errors import InputError
from recsys.runs.console import lines_shown
from recsys.system.backend import start_backend


class Cost:
    """Counts, while it is at work, what checkpoints take."""

    def __init__(self) -> None:
        self.waited = 0.0
        self.written = 0.0
        self.sizes: list[int] = []

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Within it, everything that writes a checkpoint is timed."""
        from recsys.training import checkpoint
        from recsys.training.fit import _Checkpoint

        write = checkpoint.save_checkpoint

        def written(path: Path, *given: Any) -> None:
            began = time.thread_time()
            write(path, *given)
            self.written += time.thread_time() - began
            self.sizes.append(path.stat().st_size)

        def waited(call: Callable[..., None]) -> Callable[..., None]:
            def timed(*given: Any) -> None:
                began = time.perf_counter()
                call(*given)
                self.waited += time.perf_counter() - began

            return timed

        with (
            mock.patch.object(checkpoint, "save_checkpoint", written),
            mock.patch.object(_Checkpoint, "save", waited(_Checkpoint.save)),
            mock.patch.object(_Checkpoint, "save_best", waited(_Checkpoint.save_best)),
        ):
            yield


def measure(experiment: Path, settings: list[str], runs_dir: Path) -> dict[str, Any]:
    """Trains the experiment's first seed, and says what its checkpoints took.

    Args:
        experiment: its file.
        settings: that differ, as ``KEY=VALUE``.
        runs_dir: where the run and its dataset are made.
    """
    from recsys.experiment.schema import load_experiment
    from recsys.pipeline import Pipeline

    loaded = load_experiment(experiment, ["tracking.enabled=false", *settings])
    pipeline = Pipeline(loaded, loaded.training.seeds[0], runs_dir)
    dataset = pipeline.prepare()
    cost = Cost()
    with pipeline.at_work(dataset) as tracker, cost.counted():
        pipeline.train(dataset, tracker)
    seconds = json.loads(pipeline.folder.timing.read_text())["train_seconds"]
    return {
        "seconds": round(seconds, 1),
        "waited_share": round(cost.waited / seconds, 5),
        "written_share": round(cost.written / seconds, 5),
        "checkpoints": len(cost.sizes),
        "bytes": max(cost.sizes),
    }


def main(arguments: list[str] | None = None) -> int:
    """Does what was typed; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", type=Path, metavar="EXPERIMENT.yaml")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args(arguments)
    settings = [f"training.epochs={given.epochs}", *given.settings]
    try:
        start_backend()
        with lines_shown(), tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(given.experiment, settings, Path(folder))))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
