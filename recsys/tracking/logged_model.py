"""Puts a model of any kind into its place in the store."""

import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from recsys.tracking.run import METRICS_PER_REQUEST, Run

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel

DIGEST_TAG = "saved_model_digest"
# Of an interval.
ENDS = ("/low", "/high")


def log_model(
    run: Run,
    save: Callable[[str, Any], None],
    kind: str,
    digest: str,
    name: str = "model",
    step: int = 0,
    params: Mapping[str, str] | None = None,
) -> str:
    """Logs a model to a run and returns the logged model's id.

    One that a process began and did not end, as it was killed, is completed.

    MLflow's own ``log_model`` would log to the globally active experiment, and
    try an input example in this process, which may load TensorFlow and take
    memory that the training backend holds. Hence its steps one by one.

    Args:
        run: the model's.
        save: writes the model into a folder, given what MLflow says of it.
        kind: of model, for MLflow's page.
        digest: names its content.
        name: of the model.
        step: after which it was made.
        params: beside those of the run.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    stored = run.client.get_run(run.id)
    logged = find_model(run, digest)
    if logged is None:
        logged = run.client.create_logged_model(
            stored.info.experiment_id,
            name,
            run.id,
            tags={DIGEST_TAG: digest},
            params={**stored.data.params, **(params or {})},
            model_type=kind,
        )
    if logged.model_id not in [output.model_id for output in stored.outputs.model_outputs]:
        run.client.log_outputs(run.id, [LoggedModelOutput(logged.model_id, step=step)])
    if logged.status == "READY":
        return logged.model_id
    described = Model(
        run_id=run.id, model_id=logged.model_id, artifact_path=logged.artifact_location
    )
    with tempfile.TemporaryDirectory() as folder:
        save(f"{folder}/model", described)
        run.client.log_model_artifacts(logged.model_id, f"{folder}/model")
    run.client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def give_metrics(run: Run, model_id: str, prefix: str, step: int | None = None) -> None:
    """Makes metrics that a run has logged those of one of its models, by which MLflow ranks it.

    They are the run's own points: logged again with the times that they have, none is doubled.
    Each names the dataset that the run reads.

    Args:
        run: that has logged them.
        model_id: of the logged model.
        prefix: of their names. Ends of intervals stay with the run.
        step: of which they are; None: the last one.
    """
    from mlflow.entities import Metric

    stored = run.client.get_run(run.id)
    datasets = [each.dataset for each in stored.inputs.dataset_inputs]
    of_data = (
        {"dataset_name": datasets[0].name, "dataset_digest": datasets[0].digest} if datasets else {}
    )
    found = []
    for key in stored.data.metrics:
        if not key.startswith(prefix) or key.endswith(ENDS):
            continue
        points = run.client.get_metric_history(run.id, key)
        points = [point for point in points if step is None or point.step == step]
        if points:
            last = max(points, key=lambda point: (point.step, point.timestamp))
            found.append(
                Metric(key, last.value, last.timestamp, last.step, model_id=model_id, **of_data)
            )
    for begin in range(0, len(found), METRICS_PER_REQUEST):
        run.client.log_batch(run.id, metrics=found[begin : begin + METRICS_PER_REQUEST])


def environment(packages: Sequence[str]) -> dict[str, Any]:
    """What a model needs, as MLflow's ``conda_env``: the versions that are installed here.

    MLflow writes one of its own from ``pip_requirements``, and there names the version of the
    installed pip, which an environment need not have.

    Args:
        packages: by their names.
    """
    pinned = [f"{name}=={version(name)}" for name in packages]
    python = f"python={platform.python_version()}"
    dependencies = [python, "pip", {"pip": pinned}]
    return {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}


def find_model(run: Run, digest: str) -> "LoggedModel | None":
    """What the run holds of a model of that content, complete or not."""
    found = run.client.search_logged_models(
        [run.client.get_run(run.id).info.experiment_id],
        filter_string=f"source_run_id = '{run.id}' AND tags.{DIGEST_TAG} = '{digest}'",
    )
    return found[0] if found else None
