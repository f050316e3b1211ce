"""A run folder made up from a few numbers, with every document that a report reads."""

import json
from pathlib import Path
from typing import Any

from recsys.system.results import FORMAT

METRICS = {
    "ndcg": 0.085,
    "hit_rate": 0.2,
    "recall": 0.11,
    "precision": 0.021,
    "map": 0.06,
    "mrr": 0.07,
    "novelty": 9.1,
    "popularity_bias": 0.42,
}
EXPERIMENT = """\
name: tiny-lstm
seen: exclude
model:
  dim: 16
  query: {kind: lstm}
evaluation:
  k: [5, 10]
  metric: ndcg@10
"""


def metrics_of(strength: float) -> dict[str, dict[str, float | None]]:
    """Metrics at k 5 and 10 that grow with ``strength``."""
    found: dict[str, dict[str, float | None]] = {}
    for kind, value in METRICS.items():
        for k in (5, 10):
            at_k = value * strength * (0.7 if k == 5 else 1.0)
            found[f"{kind}@{k}"] = {"value": at_k, "low": at_k * 0.85, "high": at_k * 1.15}
    for k in (5, 10):
        found[f"coverage@{k}"] = {"value": 0.1 * strength, "low": None, "high": None}
    return found


def comparison(other: str, difference: float, real: bool) -> dict[str, Any]:
    """One entry of ``comparisons``."""
    verdict = "is better than" if real else "and"
    return {
        "model": "tiny-lstm",
        "other": other,
        "metric": "ndcg@10",
        "difference": difference,
        "low": difference - 0.01,
        "high": difference + 0.01,
        "p_value": 0.001 if real else 0.4,
        "p_adjusted": 0.003 if real else 0.4,
        "real": real,
        "queries": 900,
        "users": 166,
        "sentence": f"tiny-lstm {verdict} {other} by {difference:.4f} ndcg@10.",
    }


def document() -> dict[str, Any]:
    """A whole ``metrics.json``."""
    groups = {
        "recommended": [0.62, 0.2, 0.09, 0.04, 0.02, 0.01, 0.01, 0.005, 0.005, 0.0],
        "consumed": [0.44, 0.2, 0.12, 0.08, 0.06, 0.04, 0.03, 0.02, 0.005, 0.005],
    }
    return {
        "format": FORMAT,
        "test": metrics_of(1.0),
        "validation": metrics_of(1.1),
        "baselines": {
            "popular": metrics_of(0.5),
            "recent_popular": metrics_of(0.6),
            "item_knn": metrics_of(0.95),
        },
        "baseline_settings": {"popular": {}, "recent_popular": {"days": 30}},
        "baselines_refitted": {"popular": metrics_of(0.55)},
        "slices": {
            "known_items": _slice("held-out items that have training events", 880, 166, 1.05),
            "hot_users": _slice("the most active fifth of the users", 500, 30, 1.2),
            "warm_users": _slice("the other users with training events", 200, 60, 1.0),
            "cold_users": _slice("users without a training event", 200, 76, 0.6),
            "cold_items": {
                "definition": "held-out items without a training event",
                "queries": 0,
                "users": 0,
                "targets": 0,
                "metrics": {},
            },
        },
        "counts": {
            "queries": 900,
            "users": 166,
            "targets": 1200,
            "unranked_targets": 20,
            "repeats_left_out": 0,
        },
        "popularity": groups,
        "comparisons": [
            comparison("popular", 0.0425, True),
            comparison("recent_popular", 0.034, True),
            comparison("item_knn", 0.004, False),
        ],
        "timing": {
            "best_epoch": 6,
            "train_seconds": 41.2,
            "events_per_second": 51234.0,
            "peak_memory_gib": 1.125,
        },
        "split": {
            "kind": "time",
            "latest_training_event": "1998-03-01T12:00:00Z",
            "earliest_test_event": "1998-03-29T08:00:00Z",
            "share_of_test_users_unseen_in_training": 0.46,
            "training_events_after_cut": 0,
            "training_events_after_earliest_test_event": 0,
        },
        "quality": {
            "rows_read": 100000,
            "rows_kept": 99987,
            "quarantined": {"empty_item_id": 13},
            "notes": ["2 pairs of ids differ only in case"],
        },
        "notes": {
            "data": ["left out: 13 of 100,000 (0.0%) rows of the log (empty item 13)"],
            "test": ["evaluated on 49 test events <only>"],
        },
        "versions": {"recsys": "0.1.0", "keras": "3.15.1"},
    }


def _slice(definition: str, queries: int, users: int, strength: float) -> dict[str, Any]:
    return {
        "definition": definition,
        "queries": queries,
        "users": users,
        "targets": queries,
        "metrics": metrics_of(strength),
    }


def history() -> list[dict[str, float]]:
    """A whole ``history.json``, best in epoch 6."""
    return [
        {"epoch": epoch, "loss": 7.2 - 1.5 * epoch**0.3, "ndcg@10": 0.09 - 0.002 * (epoch - 6) ** 2}
        for epoch in range(1, 9)
    ]


def item_map() -> dict[str, Any]:
    """A whole ``item_map.json``."""
    return {
        "of": 40,
        "x": [1.0, -1.0, 0.2, 0.0],
        "y": [0.0, 0.1, 1.0, -1.0],
        "events": [90, 40, 5, 1],
        "titles": ["Fargo (1996)", "<b>Heat</b>", "Casino"],
        "explained": [0.5, 0.25],
        "category": {"name": "genre", "values": ["crime", "drama"], "numbers": [0, 0, 1, -1]},
    }


def stages() -> dict[str, Any]:
    """A whole ``stages.json``."""
    return {
        "prepare": {"seconds": 3.25, "peak_memory_gib": 0.5},
        "evaluate": {"seconds": 12.5, "peak_memory_gib": 1.25},
    }


def write_run(folder: Path) -> Path:
    """Writes the run folder's documents."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    (folder / "metrics.json").write_text(json.dumps(document()))
    (folder / "history.json").write_text(json.dumps(history()))
    examples = [
        {
            "user": "42",
            "history": ["Fargo (1996)", "<script>alert(1)</script>", "Heat (1995)"],
            "recommendations": [
                "Jackie Brown (1997)",
                "L.A. Confidential (1997)",
                "Twelve Monkeys",
            ],
        }
    ]
    (folder / "examples.json").write_text(json.dumps(examples))
    (folder / "item_map.json").write_text(json.dumps(item_map()))
    (folder / "stages.json").write_text(json.dumps(stages()))
    return folder
