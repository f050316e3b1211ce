"""Trains in a process of its own: on a chosen backend, or to be killed.

Usage: worker.py FOLDER JSON, where JSON lists runs: each holds ``query``, ``loss``,
``training`` and optionally ``checkpoints`` (a folder's name), ``kill_at`` (epoch, step;
with ``signal`` and ``process``, where it is not SIGKILL and the only one) and
``keras_fit`` (train a second model through Keras' own loop). Prints one JSON line,
what each came to. It is one of several processes where the environment says so.
"""

import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from recsys.data.dataset import Dataset
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig
from recsys.system.backend import start_backend
from recsys.system.processes import current
from recsys.system.processes.asked import asked_for
from recsys.system.processes.ended import GroupEnded
from recsys.system.stopping import Stopped, stopped_by_signals
from recsys.training.batches import training_batches
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.devices import training_devices
from recsys.training.fit import fit
from tests.models import zoo


class Killer:
    """Ends the process at a step, as a power cut would; or sends it another signal, once."""

    def __init__(self, epoch: int, step: int, number: int = signal.SIGKILL) -> None:
        self.last: tuple[int, int] | None = (epoch, step)
        self._number = number

    def step_ended(self, progress, steps_per_epoch) -> None:
        if self.last is not None and (progress.epoch, progress.step) >= self.last:
            self.last = None
            os.kill(os.getpid(), self._number)

    def epoch_ended(self, epoch, metrics) -> None:
        pass


class Placements:
    """The part of each batch's arrays that a device holds, on JAX.

    Attributes:
        parts: what was seen: 1.0 for an array that every device holds.
    """

    def __init__(self) -> None:
        self.parts: set[float] = set()
        if keras.backend.backend() != "jax":
            return
        import jax

        self._put = jax.device_put
        jax.device_put = self

    def __call__(self, array, *arguments):
        placed = self._put(array, *arguments)
        if isinstance(array, np.ndarray):
            self.parts.add(placed.addressable_shards[0].data.size / array.size)
        return placed


def keras_fit(retriever, dataset, training: TrainingConfig) -> dict:
    """The same epochs through ``compile`` and ``fit``."""
    batches = training_batches(retriever, dataset, training)
    total = training.epochs * batches.steps_per_epoch
    retriever.compile(
        optimizer=training.optimizer.build(training.optimizer.schedule(total)), jit_compile=False
    )
    history = retriever.fit(batches, epochs=training.epochs, shuffle=False, verbose=0)
    return {"losses": history.history["loss"], "vectors": item_sums(retriever)}


def item_sums(retriever) -> list[float]:
    """The sum of each item's vector."""
    vectors = keras.ops.convert_to_numpy(retriever.item_vectors())
    return vectors.astype(np.float64).sum(axis=1).tolist()


def run(folder: Path, settings: dict, placements: Placements) -> dict:
    """One training."""
    dataset = Dataset(folder / "dataset")
    config = ModelConfig.model_validate(zoo.model(settings["query"], settings["loss"]))
    training = TrainingConfig.model_validate(settings["training"])
    retriever = build_retriever(config, dataset, "train", 1, training.precision)

    embedder = RetrieverEmbedder(retriever, dataset)

    def validate(_):
        embedder.refresh()
        ranked = rank(embedder, dataset, dataset.queries("validation"), "exclude", 5)
        return {"mrr@5": float(ranking_metrics(ranked, [5])["mrr@5"].mean())}

    placements.parts.clear()
    callbacks = []
    if "kill_at" in settings and settings.get("process", 0) == process_number():
        callbacks = [Killer(*settings["kill_at"], settings.get("signal", signal.SIGKILL))]
    progress = fit(
        retriever,
        dataset,
        training,
        seed=1,
        folder=folder / settings.get("checkpoints", "checkpoints"),
        validate=validate if settings.get("validate", True) else None,
        metric="mrr@5",
        callbacks=callbacks,
    )
    embedder.refresh()
    ranked = rank(embedder, dataset, dataset.queries("test"), "exclude", 5)
    theirs = None
    if settings.get("keras_fit"):
        theirs = keras_fit(build_retriever(config, dataset, "train", 1), dataset, training)
    return {
        "keras": theirs,
        "losses": [row["loss"] for row in progress.history],
        "validation": [row.get("mrr@5") for row in progress.history],
        "hits": float(np.mean(ranked.ranks == 1)),
        "vectors": item_sums(retriever),
        "devices": training_devices(),
        "processes": current.count(),
        "parts": sorted(placements.parts),
        "backend": keras.backend.backend(),
        "imported_tensorflow": "tensorflow" in sys.modules,
    }


def process_number() -> int:
    """Of this process among several."""
    asked = asked_for()
    return 0 if asked is None else asked.number


def main() -> None:
    start_backend(together=True)
    folder, placements = Path(sys.argv[1]), Placements()
    try:
        with stopped_by_signals(), current.together():
            found = [run(folder, settings, placements) for settings in json.loads(sys.argv[2])]
    except (GroupEnded, Stopped) as error:
        status = error.status if isinstance(error, GroupEnded) else int(str(error.code))
        print(error, file=sys.stderr)
        current.leave(status, str(error))
        sys.exit(status)
    print(json.dumps(found))
    current.leave(0)


if __name__ == "__main__":
    main()
