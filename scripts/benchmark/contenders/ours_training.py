"""This framework: batches, negatives and steps as ``recsys train`` takes them."""

from pathlib import Path

import numpy as np
from contender import read_case, serve

from recsys.data.batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.feed import Feed, sampler_of
from recsys.training.fit import TrainingConfig
from recsys.training.step import build_step


def main() -> None:
    case = read_case()
    dataset = Dataset(Path(case["dataset"]))
    config = ModelConfig.model_validate(case["model"])
    training = TrainingConfig.model_validate(case["training"])
    retriever = build_retriever(config, dataset, "train", seed=1)
    batches = TrainingBatches(
        dataset,
        "train",
        config.max_events,
        training.batch_size,
        1,
        split_moments=training.split_moments,
        packed=retriever.packs_rows,
    )
    feed = Feed(batches, sampler_of(retriever, dataset, "train"), 1, training.steps_per_dispatch)
    step = build_step(retriever, training.optimizer, 100_000)

    def runs():
        epoch = 0
        while True:
            yield from feed.epoch(epoch, 0)
            epoch += 1

    stream = runs()

    def work() -> int:
        stacked, _ = next(stream)
        np.asarray(step.run(stacked))
        return int(np.count_nonzero(stacked["weights"]))

    def warm() -> None:
        """An epoch: every shape."""
        left = batches.events_per_epoch
        while left > 0:
            left -= work()

    serve(work, warm)


if __name__ == "__main__":
    main()
