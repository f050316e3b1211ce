"""Trains models on the checkerboard.

Usage: checkerboard_check.py FOLDER PAIRS PRECISION [EPOCHS], where FOLDER has the dataset and PAIRS
is JSON, of each model the names of its query tower and its loss in the zoo. EPOCHS: stop after so
many. Prints one JSON line: by model ``losses``, of each of its first steps, and ``hits``, by part
the share of users whose right recommendation is among the first two, unless training was stopped.
"""

import json
import sys
from pathlib import Path

import numpy as np

from recsys.data.dataset import Dataset
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig
from recsys.training import fit as fitting
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from tests.models import zoo

STEPS = 20
TRAINING = {
    "epochs": 20,
    "batch_size": 10,
    "steps_per_dispatch": 1,  # one shape to compile
    "optimizer": {"learning_rate": 0.02, "decay": "cosine"},
}

step_losses: list[float] = []


def noting(account):
    """Notes the losses that training adds up."""

    def noted(progress, first_step, losses, weights):
        step_losses.extend(np.asarray(losses)[: len(weights)].tolist())
        account(progress, first_step, losses, weights)

    return noted


def train(dataset: Dataset, query: str, loss: str, training: TrainingConfig, folder: Path, epochs):
    config = ModelConfig.model_validate(zoo.model(query, loss))
    retriever = build_retriever(config, dataset, "train", 1, training.precision)
    step_losses.clear()
    fitting.fit(retriever, dataset, training, 1, folder / query / loss, epochs=epochs)
    hits: dict[str, float] = {}
    if epochs is not None:
        return {"losses": step_losses[:STEPS], "hits": hits}
    embedder = RetrieverEmbedder(retriever, dataset)
    # Two items of the right colour are left: the validation and the test event.
    for part in ("validation", "test"):
        ranked = rank(embedder, dataset, dataset.queries(part), "exclude", 2)
        hits[part] = float(np.mean(ranked.ranks <= 2))
    return {"losses": step_losses[:STEPS], "hits": hits}


def main() -> None:
    folder, pairs, precision, *epochs = sys.argv[1:]
    fitting._account = noting(fitting._account)
    dataset = Dataset(Path(folder) / "dataset")
    training = TrainingConfig.model_validate({**TRAINING, "precision": precision})
    found = {
        f"{query} {loss}": train(
            dataset, query, loss, training, Path(folder), int(epochs[0]) if epochs else None
        )
        for query, loss in json.loads(pairs)
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
