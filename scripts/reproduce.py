"""Reruns a row of the table of published figures (docs/results.md).

    python scripts/reproduce.py ROW [--data FOLDER] [--runs-dir runs/reproduce]

ROW is one of the names below; each is ``experiments/ROW.yaml``. The folder (or
``RECSYS_DATA``) holds ``amazon-beauty/``, ``movielens-1m/`` and ``gowalla/``, each with
``interactions.parquet``. Trains with the experiment's first seed, evaluates, and
prints the test metrics as one JSON line, the last. Exit status 0 if no metric is
more than 0.003 below what was committed (the noise of another machine's
arithmetic), 1 otherwise. A run that was stopped continues.
"""

import argparse
import json
import os
import sys
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
NOISE = 0.003
# The test metrics of the first seed, as in the header of each experiment.
ROWS = {
    "beauty-attention": {"ndcg@10": 0.0543, "hit_rate@10": 0.0921},
    "movielens-1m-attention": {"ndcg@10": 0.1901, "hit_rate@10": 0.3209},
    "movielens-1m-recurrent": {"ndcg@10": 0.1802, "hit_rate@10": 0.3106},
    "beauty-recurrent": {"ndcg@10": 0.0484, "hit_rate@10": 0.0835},
    "beauty-time": {"ndcg@10": 0.0329, "hit_rate@10": 0.0592},
    "gowalla-two-tower": {"ndcg@20": 0.1360, "recall@20": 0.1668},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--data", type=Path, help="folder of the logs; RECSYS_DATA by default")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/reproduce"))
    arguments = parser.parse_args()
    if arguments.data:
        os.environ["RECSYS_DATA"] = str(arguments.data.resolve())

    from recsys.errors import InputError

    try:
        found = reproduce(arguments.row, arguments.runs_dir)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    expected = ROWS[arguments.row]
    holds = all(found[metric] >= value - NOISE for metric, value in expected.items())
    print(json.dumps({"row": arguments.row, **found, "committed": expected, "holds": holds}))
    sys.exit(0 if holds else 1)


def reproduce(row: str, runs_dir: Path) -> dict[str, float]:
    """Trains and evaluates a row's first seed.

    Returns:
        Each test metric's value.
    """
    from recsys.system.backend import start_backend

    start_backend()
    from recsys.experiment.schema import load_experiment
    from recsys.pipeline import Pipeline

    experiment = load_experiment(EXPERIMENTS / f"{row}.yaml", ["tracking.enabled=false"])
    pipeline = Pipeline(experiment, experiment.training.seeds[0], runs_dir)
    dataset = pipeline.prepare()
    with pipeline.at_work(dataset) as tracker:
        pipeline.train(dataset, tracker)
        pipeline.evaluate(dataset)
    metrics = json.loads(pipeline.folder.metrics.read_text())["test"]
    return {name: value["value"] for name, value in metrics.items() if "@" in name}


if __name__ == "__main__":
    main()
