"""Folders of runs that were trained and evaluated, as the pipeline leaves them, without either."""

import json
from pathlib import Path
from typing import Any

import yaml

from recsys.experiment.schema import load_experiment
from recsys.runs.folder import RunFolder, write_document

EXPERIMENT: dict[str, Any] = {
    "data": {
        "log": {"path": "log.csv", "columns": {"user": "u", "item": "i", "time": "t"}},
        "split": {"kind": "leave_one_out"},
    },
    "model": {"query": {"encoder": {"kind": "gru"}}},
    "training": {"epochs": 7},
    "evaluation": {"baselines": ["popular", "markov"]},
}
PROVENANCE = {
    "began": "2026-11-28T08:00:00+00:00",
    "device": "AMD EPYC, AVX2",
    "backend": "jax",
    "versions": {"recsys": "0.1.0", "jax": "0.11.2"},
    "commit": "0123456789abcdef0123456789abcdef01234567",
}


def write_experiment(folder: Path, name: str = "shop", **sections: Any) -> Path:
    """An experiment file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(EXPERIMENT | sections))
    return path


def write_finished_run(
    runs: Path,
    experiment: Path,
    seed: int = 1,
    ndcg: float = 0.06,
    baselines: dict[str, tuple[float, bool]] | None = None,
    **settings: Any,
) -> Path:
    """The folder of a seed; validation is 0.08, the hit rate 0.1.

    Args:
        runs: the runs folder.
        experiment: its file.
        seed: which.
        ndcg: NDCG@10 on the test part; its interval reaches 0.005 to both sides.
        baselines: name to NDCG@10, and whether the difference is real.
        settings: ``overrides``, ``events`` (digest of them) and ``provenance``.
    """
    overrides = [f"training.seeds=[{seed}]", *settings.get("overrides", [])]
    loaded = load_experiment(experiment, overrides)
    folder = RunFolder(runs / loaded.name / str(seed))
    folder.path.mkdir(parents=True)
    folder.checkpoints.mkdir()
    others = {"markov": (0.05, True)} if baselines is None else baselines
    metrics = {
        "test": _metrics(ndcg),
        "validation": _metrics(0.08),
        "baselines": {name: _metrics(value) for name, (value, _) in others.items()},
        "comparisons": [
            {
                "model": loaded.name,
                "other": name,
                "metric": "ndcg@10",
                "difference": ndcg - value,
                "low": ndcg - value - 0.001,
                "high": ndcg - value + 0.001,
                "real": real,
                "sentence": "",
            }
            for name, (value, real) in others.items()
        ],
        "timing": {
            "best_epoch": 5,
            "train_seconds": 90.0,
        },
        "provenance": settings.get("provenance", [PROVENANCE]),
    }
    arrays = ("user_offsets", "event_items", "history_ends", "part_ends")
    files = {f"{name}.npy": {"sha256": settings.get("events", "5eca")} for name in arrays}
    dataset = folder.path / "dataset"
    dataset.mkdir()
    (dataset / "manifest.json").write_text(json.dumps({"files": files}))
    with folder.files.making(folder.experiment, folder.dataset_record, folder.metrics):
        write_document(folder.experiment, loaded.dump())
        folder.write_json(folder.dataset_record, {"fingerprint": "f1", "path": "dataset"})
        folder.write_metrics(metrics)
    return folder.path


def _metrics(ndcg: float) -> dict[str, dict[str, float]]:
    values = {"ndcg@10": ndcg, "recall@10": 0.1, "hit_rate@10": 0.1, "mrr@10": 0.04}
    return {
        name: {"value": value, "low": value - 0.005, "high": value + 0.005}
        for name, value in values.items()
    }
