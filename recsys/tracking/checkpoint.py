"""The weights that a training kept, as a model by which MLflow ranks trainings."""

import hashlib
import json
import tempfile
from pathlib import Path

from recsys.tracking.logged_model import give_metrics
from recsys.tracking.run import Run

NAME = "checkpoint"
# What the run logs after each epoch begins with it.
EPOCH = "epoch/"
DIGEST_TAG = "checkpoint_digest"


def log(run: Run, file: Path, epoch: int, measured: bool) -> None:
    """Records weights as a logged model of a run, once.

    The weights stay in the run's folder: a sweep would fill the store with copies. The model's
    artefact, ``checkpoint.json``, says where they are, with their digest.

    Args:
        run: that trained them.
        file: of the weights.
        epoch: after which they were kept.
        measured: whether what the run logged of that epoch are metrics of these weights.
    """
    from mlflow.entities import LoggedModelOutput

    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if run.client.get_run(run.id).data.tags.get(DIGEST_TAG) == digest:
        return
    stored = run.client.get_run(run.id)
    model = run.client.create_logged_model(
        stored.info.experiment_id,
        NAME,
        run.id,
        tags={DIGEST_TAG: digest},
        params={**stored.data.params, "epoch": str(epoch)},
        model_type="keras",
    )
    run.client.log_outputs(run.id, [LoggedModelOutput(model.model_id, step=epoch)])
    with tempfile.TemporaryDirectory() as folder:
        facts = {"file": file.name, "sha256": digest, "bytes": file.stat().st_size, "epoch": epoch}
        Path(folder, "checkpoint.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
        run.client.log_model_artifacts(model.model_id, folder)
    run.client.finalize_logged_model(model.model_id, "READY")
    if measured:
        give_metrics(run, model.model_id, EPOCH, epoch)
    run.set_tags({DIGEST_TAG: digest})
