"""RecBole's SASRec or GRU4Rec, trained by its own trainer: a row per prefix of a history."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from contender import Stepper, read_case, serve
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed


def main() -> None:
    case = read_case()
    torch.set_num_threads(case["threads"])
    items, offsets = np.load(case["row_items"]), np.load(case["row_offsets"])
    users = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    folder = Path(tempfile.mkdtemp())
    (folder / "log").mkdir()
    pd.DataFrame(
        {
            "user_id:token": users,
            "item_id:token": items,
            "timestamp:float": np.arange(len(items), dtype=float),
        }
    ).to_csv(folder / "log" / "log.inter", sep="\t", index=False)
    name = "SASRec" if case["encoder"] == "attention" else "GRU4Rec"
    config = Config(
        model=name,
        dataset="log",
        config_dict={
            "data_path": str(folder),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"},
            "MAX_ITEM_LIST_LENGTH": case["max_events"],
            "train_neg_sample_args": None,
            "loss_type": "CE",
            "train_batch_size": 512,
            "embedding_size": case["dim"],
            "hidden_size": case["dim"] if name == "SASRec" else case["units"],
            "inner_size": case["dim"],
            "n_layers": case["blocks"],
            "n_heads": case["heads"],
            "num_layers": 1,
            "dropout_prob": case["dropout"],
            "hidden_dropout_prob": case["dropout"],
            "attn_dropout_prob": 0.0,
            "use_gpu": False,
            "epochs": 10_000,
            "show_progress": False,
            "checkpoint_dir": str(folder),
            "state": "ERROR",
        },
    )
    init_seed(1, True)
    dataset = create_dataset(config)
    rows, _, _ = data_preparation(config, dataset)
    model = get_model(name)(config, rows.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    loss_of = model.calculate_loss

    def train(stepper: Stepper) -> None:
        counts: list[int] = []

        def calculate_loss(interaction):
            if counts:  # the one before has been applied
                stepper.ended(counts.pop())
            stepper.began()
            counts.append(len(interaction))
            return loss_of(interaction)

        model.calculate_loss = calculate_loss
        trainer.fit(rows, verbose=False, saved=False)

    serve(Stepper(train).work)


if __name__ == "__main__":
    main()
