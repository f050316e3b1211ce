"""The frame of every run that asks about users: its folder, locked, and its run in MLflow."""

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from recsys import tracking
from recsys.data.dataset import Dataset
from recsys.marketing.experiment import TaskExperiment
from recsys.runs.folder import RunFolder

PACKAGES = ("recsys", "scikit-learn", "numpy", "pandas", "duckdb")


@contextlib.contextmanager
def at_work(
    experiment: TaskExperiment,
    dataset: Dataset | None,
    runs_dir: Path,
    overwrite: bool,
) -> Iterator[tuple[RunFolder, tracking.Tracker]]:
    """Locks and claims the run folder, and opens the run in MLflow.

    Args:
        experiment: as resolved.
        dataset: what it reads, if it reads one.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: start afresh whatever is there.

    Raises:
        InputError: the folder holds another run, or a process is at work in it.
    """
    document = experiment.model_dump(mode="json")
    folder = RunFolder(runs_dir / experiment.name / str(experiment.seed))
    with folder.locked():
        folder.claim_whole(document, dataset, overwrite)
        config = experiment.tracking
        tracker = tracking.start(
            config.model_copy(update={"model_name": config.model_name or experiment.name}),
            folder.path,
            runs_dir,
            f"{experiment.name}-{experiment.seed}",
            document,
            {"task": experiment.task},
        )
        if dataset is not None:
            tracker.log_dataset(experiment.name, dataset.fingerprint, dataset.path)
        with tracker:
            yield folder, tracker


def versions() -> dict[str, str]:
    """Of the packages that a prediction stands on."""
    return {name: version(name) for name in PACKAGES}
