"""Runs an experiment that asks about users, whatever its task."""

from pathlib import Path

from recsys.marketing.experiment import SentimentExperiment, TaskExperiment
from recsys.runs.folder import RunFolder


def run_task(experiment: TaskExperiment, runs_dir: Path, overwrite: bool = False) -> RunFolder:
    """Runs it, or finds the same run done.

    Args:
        experiment: as resolved.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: replace another run of the same name.

    Raises:
        InputError: see the tasks' own.
    """
    if isinstance(experiment, SentimentExperiment):
        from recsys.marketing.sentiment_run import run_sentiment

        return run_sentiment(experiment, runs_dir, overwrite)
    from recsys.marketing.propensity_run import run_propensity

    return run_propensity(experiment, runs_dir, overwrite)
