"""Checks the evaluator: popularity on public logs, beside published figures.

    python scripts/check_evaluator.py DATA_FOLDER     # or set RECSYS_DATA

The folder holds ``amazon-beauty/``, ``movielens-1m/`` and ``gowalla/``, each with
``interactions.parquet``. It takes about three and a half minutes of processor time.

Popularity has nothing to tune, so a difference can only come from the split,
the masking of seen items, the metric or the treatment of ties. Items that are
equally popular tie, and no publication states how it broke ties; the figure is
therefore given with ties counted against the target, as everywhere in this
project, and with ties broken by the item's index. Both must lie within 0.0006 of
the published figure, and one of them, rounded to four places, within 0.0003.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.data.queries import Queries
from recsys.evaluation.baselines.popular import Popular
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import Scorer, rank

FAR, NEAR = 0.0006, 0.0003


@dataclass(frozen=True)
class Case:
    """A log, how it is split, and what is published of popularity on it."""

    name: str
    columns: dict[str, str]
    split: dict[str, Any]
    fitted_part: Part
    published: dict[str, float]
    minimum_order: float | None = None

    def config(self, data: Path) -> DataConfig:
        """The ``data`` section of an experiment."""
        log: dict[str, Any] = {
            "path": str(data / self.name / "interactions.parquet"),
            "columns": self.columns,
            "minimum_order": self.minimum_order,
        }
        return DataConfig.model_validate({"log": log, "split": self.split})


CASES = (
    Case(
        "amazon-beauty",
        {"user": "user_id", "item": "item_id", "order": "position"},
        {"kind": "leave_one_out"},
        "train",
        {"hit_rate@10": 0.0115, "ndcg@10": 0.0055},
    ),
    Case(
        "movielens-1m",
        {"user": "user_id", "item": "movie_id", "order": "position"},
        {"kind": "leave_one_out"},
        "train",
        {"hit_rate@10": 0.0369, "ndcg@10": 0.0180},
        minimum_order=0,
    ),
    Case(
        "gowalla",
        {"user": "user_id", "item": "item_id", "split": "split"},
        {"kind": "fixed"},
        "validation",
        {"recall@20": 0.0416, "ndcg@20": 0.0317},
    ),
)


class TiesByIndex:
    """The same order, but equally popular items are ranked by their index."""

    def __init__(self, scorer: Popular) -> None:
        self.catalogue_items = scorer.catalogue_items
        order = np.argsort(-scorer.scores, kind="stable")
        self.scores = np.empty(len(order), np.float32)
        self.scores[order] = -np.arange(len(order), dtype=np.float32)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """float32 [block, catalogue_items]."""
        return np.broadcast_to(self.scores, (len(queries.users[block]), self.catalogue_items))


def measure(scorer: Scorer, dataset: Dataset, metrics: Iterable[str]) -> dict[str, float]:
    """Metrics at one k on the test part, seen items removed."""
    (k,) = {int(metric.split("@")[1]) for metric in metrics}
    ranked = rank(scorer, dataset, dataset.queries("test"), "exclude", k)
    return {name: float(values.mean()) for name, values in ranking_metrics(ranked, [k]).items()}


def check(case: Case, data: Path, datasets: Path) -> bool:
    """Prints a case's figures beside the published ones; whether they agree."""
    dataset = prepare(case.config(data), datasets)
    popular = Popular(dataset, case.fitted_part)
    against = measure(popular, dataset, case.published)
    by_index = measure(TiesByIndex(popular), dataset, case.published)
    agree = True
    for metric, published in case.published.items():
        gaps = [abs(round(value[metric], 4) - published) for value in (against, by_index)]
        agrees = max(gaps) < FAR + 1e-9 and min(gaps) < NEAR + 1e-9
        agree &= agrees
        print(
            f"{case.name:15} {metric:12} {against[metric]:12.4f} {by_index[metric]:13.4f} "
            f"{published:10.4f}  {'agrees' if agrees else 'DIFFERS'}",
            flush=True,
        )
    return agree


def main() -> int:
    """Checks every log; exit status 0 if all agree."""
    parser = argparse.ArgumentParser(description="Popularity beside published figures.")
    parser.add_argument("data", nargs="?", default=os.environ.get("RECSYS_DATA"), type=Path)
    data = parser.parse_args().data
    if data is None:
        parser.error("give the data folder, or set RECSYS_DATA")
    print(f"{'log':15} {'metric':12} {'ties against':>12} {'ties by index':>13} {'published':>10}")
    with tempfile.TemporaryDirectory() as datasets:
        return 0 if all([check(case, Path(data), Path(datasets)) for case in CASES]) else 1


if __name__ == "__main__":
    sys.exit(main())
