"""What tracking costs a training.

    python scripts/benchmark/tracking.py experiments/default-movielens-100k.yaml [KEY=VALUE …]

Trains the experiment's first seed for ``--epochs`` epochs, in turns without tracking, into the
local store, and with a server that does not answer (then it is the local store again), each in a
folder that is removed. Prints a JSON line for each kind, of medians over the rounds:

- ``seconds``: from the start of the run to its end, MLflow's own import and the making of its
  database left out (once for a process and a folder of runs), without preparation and export;
- ``ratio``: to those without tracking. It has the noise of the machine in it;
- ``waited_share``: of the seconds, those in which the run waited for MLflow;
- ``watched_share``: likewise, the CPU seconds of MLflow's thread that samples the machine. On one
  core they come on top, with a core to spare they do not.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from recsys.errors import InputError
from recsys.runs.console import lines_shown
from recsys.system.backend import start_backend

# Nobody listens at the port "discard".
KINDS = {"none": None, "local": None, "dead server": "http://127.0.0.1:9"}


class Cost:
    """Counts, while it is at work, what tracking takes."""

    def __init__(self) -> None:
        self.waited = 0.0
        self.watched = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Within it, everything that asks MLflow is timed."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        from recsys.tracking.tracker import MlflowTracker

        watch = SystemMetricsMonitor.monitor

        def watched(monitor: Any) -> None:
            began = time.thread_time()
            watch(monitor)
            self.watched += time.thread_time() - began

        def waited(call: Callable[..., Any]) -> Callable[..., Any]:
            def timed(*given: Any) -> Any:
                if threading.current_thread() is not threading.main_thread():
                    return call(*given)
                began, before = time.perf_counter(), self.waited
                try:
                    return call(*given)
                finally:  # a call within a call is counted once
                    self.waited = before + time.perf_counter() - began

            return timed

        with (
            mock.patch.object(SystemMetricsMonitor, "monitor", watched),
            mock.patch.object(MlflowTracker, "__init__", waited(MlflowTracker.__init__)),
            mock.patch.object(MlflowTracker, "_do", waited(MlflowTracker._do)),
            mock.patch.object(MlflowTracker, "__exit__", waited(MlflowTracker.__exit__)),
        ):
            yield


def measure(experiment: Path, settings: list[str], kind: str) -> tuple[float, float, float]:
    """Trains the experiment's first seed.

    Args:
        experiment: its file.
        settings: that differ, as ``KEY=VALUE``.
        kind: of :data:`KINDS`.

    Returns:
        Seconds of the run, those that it waited for MLflow, and those of MLflow's thread.
    """
    from recsys.experiment.schema import load_experiment
    from recsys.pipeline import Pipeline
    from recsys.tracking import store

    server = KINDS[kind]
    address = {} if server is None else {"MLFLOW_TRACKING_URI": server}
    enabled = f"tracking.enabled={str(kind != 'none').lower()}"
    loaded = load_experiment(experiment, [enabled, *settings])
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, address):
        runs_dir = Path(folder)
        pipeline = Pipeline(loaded, loaded.training.seeds[0], runs_dir)
        dataset = pipeline.prepare()
        store.open_local(runs_dir)
        cost = Cost()
        began = time.perf_counter()
        with cost.counted(), pipeline.at_work(dataset) as tracker:
            pipeline.train(dataset, tracker)
        return time.perf_counter() - began, cost.waited, cost.watched


def main(arguments: list[str] | None = None) -> int:
    """Does what was typed; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", type=Path, metavar="EXPERIMENT.yaml")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    settings, short = (
        [f"training.epochs={epochs}", *given.settings] for epochs in (given.epochs, 1)
    )
    try:
        start_backend()
        with lines_shown():
            # The first of a process compiles, and imports MLflow.
            measure(given.experiment, short, "local")
            rounds = [
                {kind: measure(given.experiment, settings, kind) for kind in KINDS}
                for _ in range(given.rounds)
            ]
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for kind in KINDS:
        seconds, waited, watched = (
            statistics.median(each[kind][place] for each in rounds) for place in range(3)
        )
        ratio = statistics.median(each[kind][0] / each["none"][0] for each in rounds)
        line = {
            "tracking": kind,
            "seconds": round(seconds, 2),
            "ratio": round(ratio, 4),
            "waited_share": round(waited / seconds, 5),
            "watched_share": round(watched / seconds, 5),
        }
        print(json.dumps(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
