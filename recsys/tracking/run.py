"""One run in one MLflow store: what is written into it, and how."""

import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import recsys.tracking.store as store
from recsys.errors import InputError

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Metric
    from mlflow.tracking import MlflowClient

LONGEST_VALUE = 500
# MLflow refuses requests with more than these.
PARAMS_PER_REQUEST = 100
METRICS_PER_REQUEST = 1000
# MLflow's own: the id of the run that this one is shown under.
PARENT_TAG = "mlflow.parentRunId"
# Of a new experiment: MLflow's table shows no metric until it is told which.
EXPERIMENT_TAGS = {
    "mlflow.note.content": (
        "Which run is best: under Training runs, choose the column `test/…` of the metric that "
        "runs are judged by, and sort by it; `…/low` and `…/high` are the ends of its 95 % "
        "interval. Whether a difference is one, and what differed: "
        "`recsys compare RUN RUN --page comparison.html`."
    )
}
# What runs of one run folder have in common (recsys.tracking.record.mark).
MARK_TAG = "run_folder_mark"


def flatten(tree: Mapping[str, Any], separator: str = ".", prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, ``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, separator, f"{path}{separator}")
        else:
            flat[path] = value
    return flat


def allowed_name(name: str) -> str:
    """A name that MLflow accepts: ``ndcg@10`` becomes ``ndcg_at_10``."""
    return re.sub(r"[^\w\-./ ]", "_", name.replace("@", "_at_"))


def to_metrics(tree: Mapping[str, Any], step: int) -> "list[Metric]":
    """The numbers in (nested) mappings as metrics, named by their path.

    ``{"test": {"ndcg@10": {"value": 0.1, "low": 0.05}}}`` gives
    ``test/ndcg_at_10`` and ``test/ndcg_at_10/low``. Values that are not numbers are left out.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(allowed_name(name).removesuffix("/value"), float(value), now, step)
        for name, value in flatten(tree, "/").items()
        if isinstance(value, Real) and not isinstance(value, bool)
    ]


class Run:
    """A thin writer: every method sends, and raises what MLflow raises."""

    def __init__(self, client: "MlflowClient", uri: str, run_id: str) -> None:
        self.client = client
        self.uri = uri
        self.id = run_id
        self._sent: set[tuple[str, int, float]] = set()

    @classmethod
    def create(
        cls,
        uri: str,
        experiment: str,
        artifacts: str | None,
        name: str,
        tags: Mapping[str, str],
        start_time: int | None = None,
    ) -> Self:
        """Starts a run; ``artifacts`` is where a new experiment keeps its artefacts.

        Raises:
            InputError: the experiment was deleted.
        """
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        client = MlflowClient(uri, registry_uri=uri)
        if (found := client.get_experiment_by_name(experiment)) is None:
            try:
                experiment_id = client.create_experiment(
                    experiment, artifact_location=artifacts, tags=EXPERIMENT_TAGS
                )
            except MlflowException:
                # Another run, started together with this one, was faster.
                if (found := client.get_experiment_by_name(experiment)) is None:
                    raise
        if found is not None:
            _refuse_deleted(found, uri)
            experiment_id = found.experiment_id
        run = client.create_run(experiment_id, start_time, dict(tags), run_name=name)
        return cls(client, uri, run.info.run_id)

    @classmethod
    def find(cls, uri: str, run_id: str) -> Self | None:
        """Opens a run; None if the store does not have it (any more)."""
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        client = MlflowClient(uri, registry_uri=uri)
        try:
            stored = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return cls(client, uri, run_id) if stored.info.lifecycle_stage == "active" else None

    @classmethod
    def find_tagged(cls, uri: str, experiment: str, tag: str, value: str) -> Self | None:
        """Opens the newest run of an experiment that has a tag; None if there is none."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient(uri, registry_uri=uri)
        if (found := client.get_experiment_by_name(experiment)) is None:
            return None
        query = f"tags.{tag} = '{value}'"
        runs = client.search_runs([found.experiment_id], query, max_results=1)
        return cls(client, uri, runs[0].info.run_id) if runs else None

    def reopen(self) -> None:
        """Makes a run that ended, or was killed, ready to be appended to."""
        self.client.update_run(self.id, status="RUNNING")
        self._sent = {(m.key, m.step, m.value) for m in self.metrics()}

    def metrics(self) -> "Iterator[Metric]":
        """Everything measured so far, all steps."""
        for key in self.client.get_run(self.id).data.metrics:
            yield from self.client.get_metric_history(self.id, key)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs flat parameters, long values cut; those that the run has already stay."""
        from mlflow.entities import Param

        known = self.client.get_run(self.id).data.params
        new = [
            Param(allowed_name(key), _cut(str(value)))
            for key, value in params.items()
            if allowed_name(key) not in known
        ]
        for begin in range(0, len(new), PARAMS_PER_REQUEST):
            self.client.log_batch(self.id, params=new[begin : begin + PARAMS_PER_REQUEST])

    def log_metrics(self, metrics: "Sequence[Metric]") -> None:
        """Logs metrics in few requests.

        A continued run repeats what was measured between its last checkpoint
        and its end; equal values are not sent twice, so curves stay clean.
        """
        new = [m for m in metrics if (m.key, m.step, m.value) not in self._sent]
        for begin in range(0, len(new), METRICS_PER_REQUEST):
            self.client.log_batch(self.id, metrics=new[begin : begin + METRICS_PER_REQUEST])
        self._sent |= {(m.key, m.step, m.value) for m in new}

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets or replaces tags."""
        from mlflow.entities import RunTag

        self.client.log_batch(self.id, tags=[RunTag(key, str(tags[key])) for key in tags])

    def log_dataset(
        self, name: str, fingerprint: str, source: str, facts: Mapping[str, Any]
    ) -> None:
        """Records which prepared dataset the run reads, with what a person wants to know of it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        # MLflow's digest holds 36 characters; the tag has the whole fingerprint.
        dataset = Dataset(
            name, fingerprint[:36], "local", json.dumps({"uri": source}), None, json.dumps(facts)
        )
        context = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(self.id, [DatasetInput(dataset, [context])])
        self.set_tags({"data_fingerprint": fingerprint})

    def log_artifact(self, path: Path) -> None:
        """Uploads a file, or a folder under its own name."""
        if path.is_dir():
            self.client.log_artifacts(self.id, str(path), artifact_path=path.name)
        else:
            self.client.log_artifact(self.id, str(path))

    def finish(self, status: str, end_time: int | None = None) -> None:
        """Ends the run as ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self.client.set_terminated(self.id, status, end_time)


def _refuse_deleted(experiment: "Experiment", uri: str) -> None:
    if experiment.lifecycle_stage == "active":
        return
    number, address = experiment.experiment_id, shlex.quote(store.public_uri(uri))
    raise InputError(
        f"the MLflow experiment {experiment.name!r} was deleted, and its runs with it. To have it "
        f"back: MLFLOW_TRACKING_URI={address} mlflow experiments restore --experiment-id {number}; "
        "to log elsewhere: tracking.experiment=NAME; to remove it for good: "
        f"MLFLOW_TRACKING_URI={address} mlflow gc --backend-store-uri {address} "
        f"--experiment-ids {number}"
    )


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"
