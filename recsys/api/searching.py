"""Runs by what MLflow knows of them."""

import logging
from collections.abc import Collection
from pathlib import Path

from recsys.api.ids import first
from recsys.api.run import Run
from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from recsys.system.display import counted
from recsys.system.files import given_path

logger = logging.getLogger(__name__)


def search_runs(
    query: str = "", *, experiment: str | None = None, runs_dir: str | Path = "runs"
) -> list[Run]:
    """Finds evaluated runs by a query of MLflow's.

    Args:
        query: as `MLflow's search <https://mlflow.org/docs/latest/ml/search/search-runs/>`_ takes
            it, such as ``'params."model.dim" = "64" and metrics."test/ndcg_at_10" > 0.1'``. Names
            of metrics have ``_at_`` for ``@``. All runs, where it is empty.
        experiment: of MLflow (``tracking.experiment``), that they are in; any, where it is left
            out.
        runs_dir: where the runs lie, and the MLflow store, unless ``MLFLOW_TRACKING_URI`` names
            another one.

    Returns:
        The runs, the newest first. A warning says which others MLflow found: those whose folders
        are not in ``runs_dir``, and those that were not evaluated (yet).

    Raises:
        InputError: none is found, or MLflow does not understand the query or does not answer.

    Example:
        >>> recsys.search_runs('params."model.dim" = "4096"')
        Traceback (most recent call last):
        ...
        recsys.errors.InputError: no evaluated run in runs is found by params."model.dim" = "4096"
    """
    return [Run(run) for run in _evaluated(query, experiment, given_path(runs_dir, "runs_dir"))]


def search_seeds(query: str, runs_dir: Path, known: Collection[Path]) -> list[list[RunFolder]]:
    """The same without a backend, by experiment.

    Args:
        query, runs_dir: see :func:`search_runs`.
        known: resolved folders that are left out.

    Returns:
        A list of its seeds for each experiment.

    Raises:
        InputError: see :func:`search_runs`.
    """
    found: dict[Path, list[RunFolder]] = {}
    for run in _evaluated(query, None, runs_dir):
        if run.path.resolve() not in known:
            found.setdefault(run.path.parent, []).append(run)
    return [sorted(seeds, key=lambda seed: seed.path) for seeds in found.values()]


def _evaluated(query: str, experiment: str | None, runs_dir: Path) -> list[RunFolder]:
    from recsys.tracking.search import search

    found = search(query, experiment, runs_dir)
    runs = [RunFolder(path) for path in found.folders]
    evaluated = [run for run in runs if run.files.recorded(run.ranks)]
    unevaluated = [str(run.path) for run in runs if run not in evaluated]
    for names, what in (
        (found.elsewhere, f"their folders are not in {runs_dir}"),
        (unevaluated, "they were not evaluated"),
    ):
        if names:
            logger.warning(
                "left out, as %s: %s (%s)", what, counted(len(names), "run"), first(names)
            )
    if not evaluated:
        by = f" is found by {query}" if query else ""
        raise InputError(f"no evaluated run in {runs_dir}{by}")
    return evaluated
