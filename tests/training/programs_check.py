"""Prints which programs a training of each model compiles, as if on an accelerator.

Usage: programs_check.py DATASET MODELS COMPARED, names with commas between, on JAX, with a cache
of compiled programs in ``RECSYS_CACHE``.
Prints one JSON line: by model, how many programs of each kind its training, validation and test
``compiled`` or ``found``; and, of those that are compared, the losses of its epochs, with
batches that the ``device`` gathers and with those that the ``host`` assembles.
"""

import json
import sys
import tempfile
from pathlib import Path

import jax
import keras

from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.evaluation import ranking
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import rank_as_evaluated
from recsys.evaluation.ranking import RetrieverEmbedder
from recsys.evaluation.validation import Validation
from recsys.models.retriever import ModelConfig
from recsys.system.compilation import programs, start_compilation
from recsys.training import batches, devices
from recsys.training import fit as fitting
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from tests.models import zoo

# A dispatch of four steps, and what is left over; sequences are cropped and groups are split.
TRAINING = {"epochs": 3, "batch_size": 16, "steps_per_dispatch": 4, "crop": 0.2}


# The first steps of the dispatches that the device was to gather.
recipes: list[int] = []


class Noted(TrainingBatches):
    """Notes the recipes that are asked for."""

    def recipe(self, dispatch, sample):
        recipes.append(dispatch.first_step)
        return super().recipe(dispatch, sample)


def run(query: str, dataset: Dataset, compared: bool) -> dict:
    """One training with its evaluation; if compared, the same with batches of the host."""
    before = programs()
    recipes.clear()
    device = train(query, dataset)
    assert recipes, "the device was to gather the batches"
    found = (programs() - before).as_dict()
    if not compared:
        return found
    fitting.gathers_batches = lambda batches: False
    recipes.clear()
    host = train(query, dataset)
    assert not recipes
    fitting.gathers_batches = devices.gathers_batches
    return found | {"losses": {"device": device, "host": host}}


def train(query: str, dataset: Dataset) -> list[float]:
    """The losses of a training's epochs; it is evaluated, too."""
    config = ModelConfig.model_validate(zoo.model(query) | {"max_events": 40})
    training = TrainingConfig.model_validate(TRAINING)
    evaluation = EvaluationConfig.model_validate({"k": [5], "metric": "ndcg@5", "block_size": 64})
    retriever = build_retriever(config, dataset, "train", 1)
    with tempfile.TemporaryDirectory() as folder:
        progress = fit(
            retriever,
            dataset,
            training,
            seed=1,
            folder=Path(folder),
            validate=Validation(retriever, dataset, "exclude", evaluation),
            metric="ndcg@5",
        )
    scorer = RetrieverEmbedder(retriever, dataset)
    rank_as_evaluated(scorer, dataset, dataset.queries("test"), "exclude", evaluation, "train")
    return [epoch["loss"] for epoch in progress.history]


def main() -> None:
    batches.TrainingBatches = Noted
    for room in (ranking, batches, devices):
        room.on_accelerator = lambda: True
    jax.config.update("jax_compilation_cache_dir", None)
    start_compilation()
    dataset = Dataset(Path(sys.argv[1]))
    queries, compared = (names.split(",") for names in sys.argv[2:])
    print(json.dumps({query: run(query, dataset, query in compared) for query in queries}))


if __name__ == "__main__":
    assert keras.backend.backend() == "jax"
    main()
