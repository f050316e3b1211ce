"""Reruns a row of the leaderboard (docs/results.md), and says whether its figures hold.

    python scripts/reproduce.py ROW [--seeds 1 2 …] [--data FOLDER] [--runs-dir runs/reproduce]

ROW is an experiment, ``experiments/ROW.yaml``, with lines in ``experiments/results/seeds.jsonl``
that were made with its settings; a wrong one is answered with all that can be had. The folder (or
``RECSYS_DATA``) holds the logs, such as ``amazon-beauty/interactions.parquet``. Each seed (by
default the first that has a line) is trained and evaluated and printed as one JSON line: found,
expected, and whether no metric differs by more than 0.003, the noise of another machine's
arithmetic. What is expected is the seed's own line, or the mean over the lines for a seed that has
none. Exit status 0 if all seeds hold, 1 otherwise. Run again, it continues where it was stopped.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from result_lines import REPOSITORY, ResultLine, Row, current, read_results, read_rows

from recsys.errors import InputError
from recsys.runs.console import lines_shown, say
from recsys.system.backend import start_backend
from recsys.system.wording import as_typed

NOISE = 0.003


def expected(lines: Sequence[ResultLine], seed: int) -> dict[str, float]:
    """The test metrics that a seed should have.

    Args:
        lines: of the row.
        seed: which; one without a line of its own should have the mean over the lines.
    """
    own = [line for line in lines if line.seed == seed] or lines
    return {name: fmean(line.test[name].value for line in own) for name in own[0].test}


def holds(found: dict[str, float], wanted: dict[str, float]) -> bool:
    """Whether no metric differs from what was expected by more than noise."""
    return all(abs(found[name] - value) <= NOISE for name, value in wanted.items())


def lines_of(name: str, experiments: Path) -> tuple[ResultLine, ...]:
    """The lines that a row was published with.

    Args:
        name: of the row.
        experiments: folder of the experiment files, with ``results/``.

    Raises:
        InputError: there is none of the experiment as it is now.
    """
    results = read_results(experiments / "results")
    rows: dict[str, Row] = read_rows(experiments, [name])
    if name in rows:
        found = current(results, rows[name])
        if found.lines:
            return found.lines
        if found.older:
            raise InputError(
                f"{name}: its lines are of other settings than {experiments / name}.yaml "
                f"({', '.join(found.changed)}): run it (`recsys run`), and add the new lines "
                "(`python scripts/leaderboard.py RUNS`)"
            )
    known = sorted({line.experiment for line in results.lines})
    raise InputError(f"{name} is not a row with results; there are: {', '.join(known) or 'none'}")


def reproduce(name: str, seed: int, experiments: Path, runs_dir: Path) -> dict[str, float]:
    """Trains and evaluates a seed, as far as that is not done.

    Args:
        name: of the experiment.
        seed: which.
        experiments: folder of the experiment files.
        runs_dir: where runs and datasets lie.

    Returns:
        Each test metric's value.
    """
    from recsys.experiment.schema import load_experiment
    from recsys.pipeline import Pipeline

    overrides: dict[str, Any] = {"tracking.enabled": False, "training.seeds": [seed]}
    pipeline = Pipeline(load_experiment(experiments / f"{name}.yaml", overrides), seed, runs_dir)
    dataset, folder = pipeline.prepare(), pipeline.folder
    with pipeline.at_work(dataset) as tracker:
        pipeline.train(dataset, tracker)
        if not (folder.files.hold(folder.metrics) and folder.has_metrics()):
            pipeline.evaluate(dataset)
    test = folder.read_metrics(["test"])["test"]
    return {metric: found["value"] for metric, found in test.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what was typed; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("row", metavar="ROW")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--data", type=Path, help="folder of the logs; RECSYS_DATA by default")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/reproduce"))
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="this one by default")
    given = parser.parse_args(arguments)
    if given.data:
        os.environ["RECSYS_DATA"] = str(given.data.resolve())
    experiments = given.repository / "experiments"
    try:
        with as_typed(), lines_shown():
            start_backend()
            lines = lines_of(given.row, experiments)
            seeds = list(dict.fromkeys(given.seeds or [lines[0].seed]))
            held = []
            for number, seed in enumerate(seeds, start=1):
                say(f"{given.row}, seed {seed} ({number} of {len(seeds)})")
                found = reproduce(given.row, seed, experiments, given.runs_dir)
                wanted = expected(lines, seed)
                held.append(holds(found, wanted))
                report = {"row": given.row, "seed": seed, "found": {n: found[n] for n in wanted}}
                print(json.dumps({**report, "expected": wanted, "holds": held[-1]}), flush=True)
            say(f"{given.row}: {sum(held)} of {len(held)} seeds hold within {NOISE}")
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
