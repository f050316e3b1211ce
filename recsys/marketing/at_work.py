"""The frame of every run that asks about users, which is made in one go."""

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from recsys import tracking
from recsys.data.dataset import Dataset
from recsys.experiment.differences import is_within
from recsys.marketing.experiment import TaskExperiment
from recsys.runs import at_work as runs
from recsys.runs.claim import Claim
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
    folder = RunFolder(runs_dir / experiment.name / str(experiment.seed))
    claim = Claim(
        folder,
        experiment.model_dump(mode="json"),
        decides=lambda key: not is_within(key, ["tracking"]),
        begun=folder.metrics,
    )
    with runs.at_work(
        claim,
        dataset,
        experiment.tracking,
        runs_dir,
        experiment.seed,
        tags={"task": experiment.task},
        overwrite=overwrite,
    ) as tracker:
        yield folder, tracker


def versions() -> dict[str, str]:
    """Of the packages that a prediction stands on."""
    return {name: version(name) for name in PACKAGES}
