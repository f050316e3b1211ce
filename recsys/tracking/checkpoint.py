"""The weights that a training kept, as a model by which MLflow ranks trainings."""

import hashlib
import json
from pathlib import Path
from typing import Any

from recsys.tracking.logged_model import find_model, give_metrics, log_model
from recsys.tracking.run import Run

NAME = "checkpoint"
FACTS = "checkpoint.json"
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
    facts = {"file": file.name, "sha256": digest, "bytes": file.stat().st_size, "epoch": epoch}
    _log(run, facts, measured)


def copy(source: Run, target: Run) -> None:
    """Records in another store what :func:`log` did in one, once.

    Args:
        source: a run with its metrics.
        target: the same run, in the other store.
    """
    from mlflow.artifacts import load_dict

    digest = source.client.get_run(source.id).data.tags.get(DIGEST_TAG)
    if digest is None or target.client.get_run(target.id).data.tags.get(DIGEST_TAG) == digest:
        return
    logged = find_model(source, digest)
    if logged is not None:
        facts = load_dict(f"{logged.artifact_location}/{FACTS}")
        _log(target, facts, bool(logged.metrics))


def _log(run: Run, facts: dict[str, Any], measured: bool) -> None:
    def save(folder: str, _: Any) -> None:
        Path(folder).mkdir()
        Path(folder, FACTS).write_text(json.dumps(facts, indent=2), encoding="utf-8")

    digest, epoch = facts["sha256"], facts["epoch"]
    model_id = log_model(run, save, "keras", digest, NAME, epoch, {"epoch": str(epoch)})
    if measured:
        give_metrics(run, model_id, EPOCH, epoch)
    run.set_tags({DIGEST_TAG: digest})
