"""Prints which programs a training of each model compiles, as if on an accelerator.

Usage: programs_check.py DATASET, on JAX, with a cache of compiled programs in ``RECSYS_CACHE``.
Prints one JSON line: by model, its ``steps`` per epoch, and how many programs of each kind its
training, validation and test ``compiled`` or ``found``.
"""

import json
import sys
import tempfile
from pathlib import Path

import jax
import keras

from recsys.data.dataset import Dataset
from recsys.evaluation import ranking
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import rank_as_evaluated
from recsys.evaluation.ranking import RetrieverEmbedder
from recsys.evaluation.validation import Validation
from recsys.models.retriever import ModelConfig
from recsys.system.compilation import programs, start_compilation
from recsys.training import batches
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from tests.models import zoo

# A dispatch of four steps, and what is left over; sequences are cropped and groups are split.
TRAINING = {"epochs": 3, "batch_size": 16, "steps_per_dispatch": 4, "crop": 0.2}


def run(query: str, dataset: Dataset) -> dict:
    """One training with its evaluation."""
    before = programs()
    config = ModelConfig.model_validate(zoo.model(query) | {"max_events": 40})
    training = TrainingConfig.model_validate(TRAINING)
    evaluation = EvaluationConfig.model_validate({"k": [5], "metric": "ndcg@5", "block_size": 64})
    retriever = build_retriever(config, dataset, "train", 1)
    with tempfile.TemporaryDirectory() as folder:
        fit(
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
    return (programs() - before).as_dict()


def main() -> None:
    ranking.on_accelerator = batches.on_accelerator = lambda: True
    jax.config.update("jax_compilation_cache_dir", None)
    start_compilation()
    dataset = Dataset(Path(sys.argv[1]))
    print(json.dumps({query: run(query, dataset) for query in zoo.QUERIES}))


if __name__ == "__main__":
    assert keras.backend.backend() == "jax"
    main()
