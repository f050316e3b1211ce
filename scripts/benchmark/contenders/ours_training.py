"""This framework: batches, negatives and steps as ``recsys train`` takes them."""

import sys
from pathlib import Path

import numpy as np
from contender import read_case, serve

from recsys.data.dataset import Dataset
from recsys.models.retriever import ModelConfig, Retriever
from recsys.training.batches import training_batches
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.loader import Loader
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import Step, build_step


def step_of(retriever: Retriever, optimizer: OptimizerConfig, compiled: bool | None) -> Step:
    """The step that training takes; on TensorFlow compiled by XLA or not, where that is asked."""
    if compiled is None:
        return build_step(retriever, optimizer, 100_000)
    from recsys.training.step_tensorflow import TensorFlowStep

    return TensorFlowStep(retriever, optimizer, 100_000, compiled)


def main() -> None:
    case = read_case()
    dataset = Dataset(Path(case["dataset"]))
    config = ModelConfig.model_validate(case["model"])
    training = TrainingConfig.model_validate(case["training"])
    retriever = build_retriever(config, dataset, "train", seed=1)
    batches = training_batches(retriever, dataset, training)
    loader = Loader(batches, training.steps_per_dispatch, sys.maxsize)
    step = step_of(retriever, training.optimizer, case.get("compiled"))

    def dispatches():
        epoch = 0
        while True:
            yield from loader.epoch(epoch, 0)
            epoch += 1

    stream = dispatches()

    def work() -> int:
        load = next(stream)
        np.asarray(step.run(load.batches, len(load.weights)))
        return load.events

    def warm() -> None:
        """An epoch: every shape."""
        left = batches.events_per_epoch
        while left > 0:
            left -= work()

    serve(work, warm)


if __name__ == "__main__":
    main()
