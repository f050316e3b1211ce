"""Finds the folders of runs by a query of MLflow's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import recsys.tracking.store as store
from recsys.errors import InputError
from recsys.tracking import record
from recsys.tracking.run import MARK_TAG

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

RUNS_PER_REQUEST = 1000


@dataclass(frozen=True)
class Found:
    """What a query finds.

    Attributes:
        folders: of runs, in MLflow's order.
        elsewhere: names of runs whose folders are not there: of other machines, or removed.
    """

    folders: list[Path]
    elsewhere: list[str]


def search(query: str, experiment: str | None, runs_dir: Path) -> Found:
    """The runs that MLflow finds, one folder for all that MLflow holds of it.

    Args:
        query: in MLflow's language, such as ``params."model.dim" = "64"``; ``""`` finds all.
        experiment: of MLflow, that they are in; None: any.
        runs_dir: where the folders lie, and the store, unless ``MLFLOW_TRACKING_URI`` names
            another one.

    Raises:
        InputError: MLflow does not understand the query, there is no such experiment or no store,
            or the server does not answer or does not let the user in.
    """
    store.prepare_environment()
    uri = store.existing(runs_dir)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri, registry_uri=uri)
    try:
        found = _runs(client, query, experiment, store.public_uri(uri))
    except MlflowException as error:
        if (reason := store.asks_who_it_is(error)) is not None:
            raise InputError(f"the MLflow server {store.public_uri(uri)} {reason}") from error
        raise InputError(
            f"MLflow cannot search by {query!r}: {str(error.message).rstrip('.')}. Write such as "
            'params."model.dim" = "64" and metrics."test/ndcg_at_10" > 0.1'
        ) from error
    there = record.folders(runs_dir)
    # Sweeps, and what gathers seeds, have no mark of a run; what was uploaded has that of its run.
    marked = [(run.data.tags[MARK_TAG], run) for run in found if MARK_TAG in run.data.tags]
    folders = dict.fromkeys(there[mark] for mark, _ in marked if mark in there)
    elsewhere = dict.fromkeys(str(run.info.run_name) for mark, run in marked if mark not in there)
    return Found(list(folders), list(elsewhere))


def _runs(client: "MlflowClient", query: str, experiment: str | None, address: str) -> "list[Run]":
    experiments = client.search_experiments()
    if experiment is not None:
        chosen = [each for each in experiments if each.name == experiment]
        if not chosen:
            names = ", ".join(sorted(each.name for each in experiments)) or "none"
            raise InputError(
                f"there is no MLflow experiment {experiment!r} in {address} (there are: {names})"
            )
        experiments = chosen
    ids = [each.experiment_id for each in experiments]
    found, token = [], None
    while ids:
        page = client.search_runs(ids, query, max_results=RUNS_PER_REQUEST, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found
