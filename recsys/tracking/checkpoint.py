"""The weights that a training kept, as a model by which MLflow ranks trainings."""

import hashlib
import json
from pathlib import Path
from typing import Any

from recsys.tracking.logged_model import give_metrics, log_model
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
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if run.client.get_run(run.id).data.tags.get(DIGEST_TAG) == digest:
        return

    def save(folder: str, _: Any) -> None:
        facts = {"file": file.name, "sha256": digest, "bytes": file.stat().st_size, "epoch": epoch}
        Path(folder).mkdir()
        Path(folder, "checkpoint.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")

    model_id = log_model(run, save, "keras", digest, NAME, epoch, {"epoch": str(epoch)})
    if measured:
        give_metrics(run, model_id, EPOCH, epoch)
    run.set_tags({DIGEST_TAG: digest})
