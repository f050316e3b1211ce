"""Attacks a model: who was trained on?

    python scripts/membership_inference.py
    python scripts/membership_inference.py --log events.parquet --user customer --item sku --time at

Half of the users are trained on, drawn at random; the others are held out. The attacker has the
model and the whole histories of both, and takes users with a low loss (the mean cross-entropy of
their last events, each predicted from those before it) for ones that were trained on: Yeom et al.,
"Privacy Risk in Machine Learning" (2018). Of each training, without privacy and with every
``--epsilon``, a line shows

- the attack's AUC: the probability that a trained user has a lower loss than a held-out one; 0.5
  is a guess;
- the share of trained users who are found where 1 % of the held-out ones are taken for trained
  (Carlini et al., "Membership Inference Attacks From First Principles", 2022);
- the mean loss of held-out users: what the model is worth.

An attack that fails proves nothing; epsilon does. Without ``--log``, a log is generated. Training
is on JAX, with the extra ``privacy``.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

import recsys
from recsys.data.batches.user_batches import UserBatches
from recsys.data.dataset import Dataset
from recsys.models.retriever import ModelConfig, Retriever
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit

# Users whose losses are worked out together.
AT_ONCE = 256
FALSE_POSITIVES = 0.01


class Attack(NamedTuple):
    """What an attacker finds.

    Attributes:
        auc: of a low loss as the sign of a trained user.
        found: share of trained users, where 1 % of the others are taken for trained.
        loss: the mean of held-out users.
    """

    auc: float
    found: float
    loss: float


def attack(losses: np.ndarray, trained: np.ndarray) -> Attack:
    """Tells trained users from others by their losses.

    Args:
        losses: float [users]; NaN where nothing could be predicted.
        trained: bool [users].

    >>> attack(np.array([1.0, 3.0, 2.0, 4.0]), np.array([True, True, False, False]))
    Attack(auc=0.75, found=0.5, loss=3.0)
    """
    known = ~np.isnan(losses)
    losses, trained = losses[known], trained[known]
    auc = float(roc_auc_score(trained, -losses))
    # Below it lie at most 1 % of the held-out ones.
    held_out = np.sort(losses[~trained])
    limit = held_out[int(FALSE_POSITIVES * len(held_out))]
    return Attack(auc, float(np.mean(losses[trained] < limit)), float(held_out.mean()))


def halved(
    log: pd.DataFrame, user: str, item: str, time: str, seed: int, folder: Path
) -> tuple[Dataset, np.ndarray]:
    """A dataset whose training part has all events of half of the users, and none of the others.

    Args:
        log: a row an event.
        user, item, time: names of its columns.
        seed: of the halves.
        folder: of datasets.

    Returns:
        The dataset, and bool [users], which are trained on.
    """
    names = log[user].astype(str)
    users = np.unique(names)
    generator = np.random.default_rng(seed)
    half = generator.permutation(users)[: len(users) // 2]
    trained = names.isin(half)
    # What training has never seen cannot be predicted.
    log = log[trained | log[item].isin(log[item][trained])]
    trained = trained[log.index]
    # Validation must have somebody; it decides about nothing here.
    somebody = log[user].astype(str) == log[user].astype(str)[~trained].iloc[0]
    part = np.select([trained, somebody], ["train", "validation"], "test")
    columns = {"user": user, "item": item, "time": time}
    frame = pd.DataFrame({role: log[name] for role, name in columns.items()}).assign(part=part)
    dataset = Dataset.from_frame(
        frame,
        **{role: role for role in columns},
        split="part",
        runs_dir=folder,
    )
    return dataset, np.isin(np.asarray(dataset.user_ids).astype(str), half)


def user_losses(retriever: Retriever, dataset: Dataset) -> np.ndarray:
    """The mean cross-entropy of each user's last events over the known items, float [users].

    Args:
        retriever: that was trained.
        dataset: with all users.
    """
    spec = retriever.batch_spec
    # A rate of 1 draws everybody; events of all parts count.
    everybody = UserBatches(dataset, _without_negatives(spec), "test", dataset.users, [0], 0)
    sample = everybody.sample(0)
    (dispatch,) = everybody.dispatches(sample, 1)
    batch = everybody.batch(dispatch, 0, sample)
    lanes = dispatch.placement.lanes
    losses = np.full(dataset.users, np.nan)
    users = everybody.users(dispatch, 0)
    items_VD = np.asarray(retriever.item_vectors())[: retriever.known_items]
    for first in range(0, len(users), AT_ONCE):
        # The last block goes on into lanes without users: every block has the same shape.
        some = np.arange(first, first + AT_ONCE) % lanes
        arrays = {name: _of_lanes(each, lanes, some) for name, each in batch.items()}
        width = dispatch.placement.width
        positions = arrays["query_positions"] % width
        if "segment_ids" in arrays:
            there = arrays["segment_ids"] >= 0
            arrays["segment_ids"] = np.where(there, np.arange(AT_ONCE)[:, None], -1).astype("int32")
        outputs = retriever(arrays, training=False)
        queries_BLD = keras.ops.convert_to_numpy(outputs["queries"])
        lane_of_query = np.repeat(np.arange(AT_ONCE), len(positions) // AT_ONCE)
        columns = positions if spec.history else np.zeros_like(positions)
        queries_QD = queries_BLD[lane_of_query, columns]
        predicted = np.arange(len(arrays["targets"]))
        if "query_ids" in arrays:
            lane = predicted // (len(predicted) // AT_ONCE)
            predicted = lane * (len(positions) // AT_ONCE) + arrays["query_ids"] % width
        scores_PV = (queries_QD @ items_VD.T)[predicted] / retriever.config.loss.temperature
        highest_P1 = scores_PV.max(axis=1, keepdims=True)
        partition_P = np.log(np.exp(scores_PV - highest_P1).sum(axis=1)) + highest_P1[:, 0]
        targets = arrays["targets"]
        losses_P = partition_P - scores_PV[np.arange(len(targets)), targets]
        weights_BP = arrays["weights"].reshape(AT_ONCE, -1)
        sums_B = (losses_P.reshape(AT_ONCE, -1) * weights_BP).sum(axis=1)
        count = min(AT_ONCE, len(users) - first)
        with np.errstate(invalid="ignore"):
            means_B = sums_B / weights_BP.sum(axis=1)
        losses[users[first : first + count]] = means_B[:count]
    return losses


def _of_lanes(array: np.ndarray, lanes: int, some: np.ndarray) -> np.ndarray:
    each = array.reshape(lanes, len(array) // lanes, *array.shape[1:])[some]
    return each.reshape(-1, *array.shape[1:])


def _without_negatives(spec: Any) -> Any:
    from dataclasses import replace

    return replace(spec, negatives=False)


def trained_model(
    dataset: Dataset,
    model: dict[str, Any],
    training: dict[str, Any],
    seed: int,
    folder: Path,
) -> tuple[Retriever, dict[str, Any] | None]:
    """A model that was fitted on the training part, and what that did for users.

    Args:
        dataset: what to fit on.
        model, training: sections of an experiment.
        seed: of the training.
        folder: of its checkpoints.
    """
    retriever = build_retriever(ModelConfig.model_validate(model), dataset, "train", seed)
    progress = fit(retriever, dataset, TrainingConfig.model_validate(training), seed, folder)
    return retriever, progress.privacy


def run(arguments: argparse.Namespace, folder: Path) -> list[tuple[str, Attack]]:
    """Trains and attacks, without privacy and with every epsilon."""
    if arguments.log is None:
        recsys.generate_data(folder / "made", arguments.events, arguments.users, arguments.items)
        log = pd.read_parquet(folder / "made" / "interactions.parquet")
        columns = {"user": "user", "item": "item", "time": "time"}
    else:
        read = pd.read_parquet if arguments.log.suffix == ".parquet" else pd.read_csv
        log = read(arguments.log)
        columns = {role: getattr(arguments, role) for role in ("user", "item", "time")}
    dataset, trained = halved(log, **columns, seed=arguments.seed, folder=folder)
    model = {
        "dim": arguments.dim,
        "max_events": arguments.max_events,
        "query": {"encoder": {"kind": "gru"}},
    }
    plain = {
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "optimizer": {"learning_rate": arguments.learning_rate},
    }
    found = []
    for epsilon in (None, *arguments.epsilon):
        private = {} if epsilon is None else {"privacy": {"epsilon": epsilon}}
        name = "without" if epsilon is None else f"epsilon {epsilon:g}"
        retriever, _ = trained_model(
            dataset, model, plain | private, arguments.seed, folder / name.replace(" ", "-")
        )
        found.append((name, attack(user_losses(retriever, dataset), trained)))
    return found


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", type=Path, help="CSV or Parquet; by default one is generated")
    parser.add_argument("--user", default="user", help="column of the log")
    parser.add_argument("--item", default="item", help="likewise")
    parser.add_argument("--time", default="time", help="likewise")
    parser.add_argument("--users", type=int, default=4000, help="of a generated log")
    parser.add_argument("--items", type=int, default=500, help="likewise")
    parser.add_argument("--events", type=int, default=60_000, help="likewise")
    parser.add_argument("--epsilon", type=float, nargs="*", default=[8.0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--max-events", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder:
        found = run(arguments, Path(folder))
    print(f"{'privacy':<14}{'AUC':>8}{'found':>9}{'loss':>9}")
    for name, each in found:
        print(f"{name:<14}{each.auc:>8.3f}{each.found:>9.1%}{each.loss:>9.3f}")


if __name__ == "__main__":
    sys.exit(main())
