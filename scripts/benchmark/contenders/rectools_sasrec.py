"""RecTools' SASRec, trained by its own ``fit``."""

import numpy as np
import pandas as pd
from contender import Stepper, read_case, serve
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Steps(Callback):
    """Hands each step to the benchmark."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper

    def __deepcopy__(self, memo):
        return self  # RecTools copies its trainer

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self._stepper.began()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self._stepper.ended(int((batch["y"] != 0).sum()))


def main() -> None:
    case = read_case()
    items, offsets = np.load(case["row_items"]), np.load(case["row_offsets"])
    users = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    log = pd.DataFrame(
        {
            Columns.User: users,
            Columns.Item: items,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2026-01-01")
            + pd.to_timedelta(np.arange(len(items)), unit="s"),
        }
    )
    dataset = Dataset.construct(log)
    sampled = case["loss"] != "cross_entropy"

    def train(stepper: Stepper) -> None:
        SASRecModel(
            n_blocks=case["blocks"],
            n_heads=case["heads"],
            n_factors=case["dim"],
            dropout_rate=case["dropout"],
            session_max_len=case["max_events"],
            batch_size=case["batch_size"],
            epochs=10_000,
            loss="sampled_softmax" if sampled else "softmax",
            n_negatives=case["negatives"],
            get_trainer_func=lambda: Trainer(
                max_epochs=10_000,
                accelerator="cpu",
                callbacks=[Steps(stepper)],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            ),
        ).fit(dataset)

    serve(Stepper(train).work)


if __name__ == "__main__":
    main()
