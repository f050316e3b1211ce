"""The run that a training goes on from."""

import logging
from pathlib import Path

import keras

from recsys.errors import InputError
from recsys.experiment.differences import differences, is_within
from recsys.experiment.schema import Experiment
from recsys.models.saved import load_retriever
from recsys.runs.folder import RunFolder
from recsys.runs.opening import open_run
from recsys.system.manifests import describe
from recsys.system.unfinished import Unfinished
from recsys.training.continuation import Earlier, optimizer_state

logger = logging.getLogger(__name__)

# What must be the same for weights and slots to mean the same.
COMMON = ("model", "seen", "training.optimizer.kind")


def check_earlier(experiment: Experiment, seed: int) -> RunFolder | None:
    """The run that an experiment goes on from; None: it begins from nothing.

    Args:
        experiment: as resolved.
        seed: one of its seeds.

    Raises:
        InputError: there is none, it is not trained, or its model is another one.
    """
    continues = experiment.training.continue_from
    if continues is None:
        return None
    path = Path(continues.run)
    same_seed = path / str(seed)
    folder = open_run(same_seed if (same_seed / "experiment.yaml").is_file() else path)
    earlier = folder.read_experiment()
    changed = [
        key for key in differences(earlier.dump(), experiment.dump()) if is_within(key, COMMON)
    ]
    if changed:
        raise InputError(
            f"training.continue_from: {folder.path} is a run of another experiment (it differs in "
            f"{', '.join(changed)}), whose weights cannot be gone on from. Set these as they were, "
            "or train from nothing."
        )
    if not folder.retriever.is_file():
        raise Unfinished(folder.path, "trained model")
    return folder


def open_earlier(experiment: Experiment, seed: int) -> Earlier | None:
    """What :func:`check_earlier` found, loaded.

    Raises:
        InputError: see there; or the model or its dataset is missing or damaged.
    """
    folder = check_earlier(experiment, seed)
    continues = experiment.training.continue_from
    if folder is None or continues is None:
        return None
    training = folder.read_experiment().training
    dataset = folder.dataset()
    file = folder.files.checked(folder.retriever)
    retriever = load_retriever(file)
    origin = {
        "backend": keras.backend.backend(),
        "dataset": dataset.fingerprint,
        "seed": training.seeds[0],
    }
    last = "refit" if training.refit else "train"
    return Earlier(
        retriever=retriever,
        dataset=dataset,
        fitted_part="validation" if training.refit else "train",
        digest=describe(folder.path, [file])[str(file.relative_to(folder.path))].sha256,
        optimizer=optimizer_state(
            retriever, training.continued().optimizer, origin, folder.checkpoints / last
        ),
        share=continues.old_events,
    )
