"""Training that goes on from an earlier model, on a log that has grown.

Items, users and values of features have other numbers in the new dataset, and there are more of
them: vectors and their optimizer slots are carried over by id. What is new starts where nothing is
known of it yet (:func:`carry_over`).
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np
from pydantic import Field

from recsys.config import StrictConfig
from recsys.data.batches.sequences import OldEvents
from recsys.data.dataset import Dataset
from recsys.data.feature import Side
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.models.retriever import Retriever
from recsys.system.display import counted
from recsys.training.checkpoint_folder import newest
from recsys.training.optimizer import OptimizerConfig, OptimizerState
from recsys.training.step import build_step

logger = logging.getLogger(__name__)


class ContinuationConfig(StrictConfig):
    """How training goes on from an earlier run's model."""

    run: str = Field(
        min_length=1,
        description="folder of the earlier run, runs/NAME/SEED, or runs/NAME: each seed from its "
        "own",
    )
    epochs: int = Field(
        2, ge=1, description="passes, at most; the best one on validation is kept, as ever"
    )
    learning_rate: float = Field(
        1.0, gt=0, description="the highest one, times training.optimizer.learning_rate"
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        "linear", description="how the rate falls, as training.optimizer.decay says it"
    )
    old_events: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of the sequences of events that the earlier model was fitted on that "
        "are trained on again, so that it does not forget; all new events are",
    )

    def optimizer(self, usual: OptimizerConfig) -> OptimizerConfig:
        """The optimizer of a training that goes on.

        Args:
            usual: that of a training from nothing.
        """
        values = usual.model_dump() | {
            "learning_rate": usual.learning_rate * self.learning_rate,
            "decay": self.decay,
            "warmup_steps": 0,  # the slots are warm
        }
        idle = {"plateau_epochs", "plateau_factor"}
        return OptimizerConfig(**{key: each for key, each in values.items() if key not in idle})


@dataclass(frozen=True)
class Earlier:
    """A trained model that training goes on from.

    Attributes:
        retriever: with the weights that were kept.
        dataset: what it was fitted on.
        fitted_part: the last part of that.
        digest: of its file.
        optimizer: slots as they were after its last epoch; None: they begin anew.
        share: of the sequences of old events that are trained on again.
    """

    retriever: Retriever
    dataset: Dataset
    fitted_part: Part
    digest: str
    optimizer: OptimizerState | None
    share: float

    def old_events(self, dataset: Dataset, last_part: Part) -> OldEvents:
        """What of a dataset the earlier model was fitted on.

        By time, where both logs have it: an event is old if it is no later than its user's last
        one that was fitted on. Else by number: as many of a user's first events as there were.

        Args:
            dataset: what is fitted on now.
            last_part: of it.

        Raises:
            InputError: the earlier model was fitted on events that are now to be validated or
                tested on; or there is nothing new to fit on.
        """
        begins, ends = np.asarray(dataset.user_offsets[:-1]), dataset.part_range(last_part)[1]
        before = row_map(dataset.user_ids, self.dataset.user_ids)
        known = before >= 0
        there = self.dataset.user_offsets[:-1][before]
        fitted = self.dataset.part_range(self.fitted_part)[1][before]
        counts = np.where(known, fitted - there, 0)
        if self.dataset.manifest.has_time and dataset.manifest.has_time:
            counts = np.where(counts > 0, self._no_later(dataset, fitted, counts), 0)
        old_ends = begins + counts
        seen = old_ends > ends
        if seen.any():
            raise InputError(
                f"the model of {self.dataset.path.name} was fitted on events of "
                f"{counted(int(seen.sum()), 'user')} that are now to be validated or tested on, "
                "where it would look better than it is. Move data.split on, so that they are in "
                "the training part."
            )
        if not (ends - old_ends).any():
            raise InputError(
                "there is nothing new to train on: the earlier model was fitted on every event of "
                "the training part. Use it as it is, or move data.split on."
            )
        return OldEvents(old_ends, self.share)

    def _no_later(self, dataset: Dataset, fitted: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """How many of each user's events are no later than the last that was fitted on."""
        last = self.dataset.event_times[np.maximum(fitted - 1, 0)]
        limits = np.repeat(np.where(counts > 0, last, 0), np.diff(dataset.user_offsets))
        earlier = np.asarray(dataset.event_times) <= limits
        sums = np.concatenate(([0], np.cumsum(earlier)))
        return np.diff(sums[dataset.user_offsets])


def optimizer_state(
    retriever: Retriever, config: OptimizerConfig, origin: dict[str, Any], folder: Path
) -> OptimizerState | None:
    """The optimizer's state after the last epoch of a training; None where it is not known.

    Why it is not is said in a warning.

    Args:
        retriever: what was trained; it keeps its weights.
        config: of the training's optimizer.
        origin: ``backend``, ``dataset`` and ``seed`` of the training, as they should be.
        folder: of its checkpoints.
    """
    found = newest(folder)
    anew = f"the optimizer's state in {folder} %s: it begins anew"
    if found is None:
        logger.warning(anew, "is missing or damaged")
        return None
    state, metadata = found
    recorded = {key: metadata["origin"].get(key) for key in origin}
    if recorded != origin:
        logger.warning(anew, f"was written with {recorded}, and this is {origin}")
        return None
    weights = retriever.get_weights()
    step = build_step(retriever, config, total_steps=1)
    step.restore(state)
    slots = step.optimizer_state()
    retriever.set_weights(weights)
    return slots


def row_map(ids: list[str], earlier: list[str]) -> np.ndarray:
    """int64 [ids]: where each id stood earlier; -1: it is new.

    >>> row_map(["b", "new", "a"], ["a", "b"]).tolist()
    [1, -1, 0]
    """
    places = {each: place for place, each in enumerate(earlier)}
    return np.array([places.get(each, -1) for each in ids], dtype=np.int64)


def carried_rows(rows: np.ndarray, earlier: np.ndarray, new: np.ndarray | float) -> np.ndarray:
    """A table of the size that is needed now.

    Args:
        rows: int64 [n], where each row stood earlier; -1: it is new.
        earlier: float32 [m, dim].
        new: what new rows begin with: [dim], or a number.

    >>> carried_rows(np.array([1, -1]), np.array([[1.0], [2.0]]), 0.5).tolist()
    [[2.0], [0.5]]
    """
    if not len(earlier):
        return np.broadcast_to(new, (len(rows), *earlier.shape[1:])).copy()
    return np.where((rows >= 0)[:, None], earlier[np.maximum(rows, 0)], new).astype(earlier.dtype)


def carry_over(
    earlier: Earlier, retriever: Retriever, dataset: Dataset
) -> tuple[OptimizerState | None, dict[str, int]]:
    """Gives a fresh retriever the weights of an earlier one.

    Vectors of items, users and values of features are carried over by id. A new item begins with
    what its features say of it, where the model describes new items by them
    (``model.item.cold_start``), and else with the mean of the items that are known; a new value
    of a feature with the mean of the values; a new user with zero, as every user does. Slots of
    what is new begin as ever.

    Args:
        earlier: what to go on from.
        retriever: fresh, of the same settings.
        dataset: what it is to be fitted on.

    Returns:
        The optimizer's state for :meth:`recsys.training.step.Step.take_up`, and how many items
        and users were ``carried_items``, ``new_items``, ``dropped_items``, and likewise.

    Raises:
        InputError: no item is the same, or a weight has another shape.
    """
    before = earlier.retriever
    maps = _row_maps(earlier, retriever, dataset)
    variables = list(zip(retriever.variables, before.variables, strict=True))
    fixed = _own_variables(retriever)
    for variable, old in variables:
        if id(variable) in fixed:
            continue
        value = keras.ops.convert_to_numpy(old)
        if id(variable) in maps:
            rows = maps[id(variable)]
            known = value[rows[rows >= 0]]
            is_user = variable is retriever.tables.get("user")
            mean = np.zeros(value.shape[1:]) if is_user or not len(known) else known.mean(axis=0)
            value = carried_rows(rows, value, mean)
        elif variable.shape != old.shape:
            raise InputError(
                f"{variable.path} has the shape {tuple(variable.shape)} and had "
                f"{tuple(old.shape)} in the earlier model: a feature of another size? Train afresh."
            )
        variable.assign(value)
    items = row_map(
        dataset.item_ids[: retriever.known_items],
        earlier.dataset.item_ids[: before.known_items],
    )
    if not (items >= 0).any():
        raise InputError(
            f"none of the {counted(len(items), 'item')} of the log is an item of the earlier "
            "model: this is another log, or ids are written in another way. Train afresh."
        )
    if retriever.config.item.cold_start is not None:
        _describe(retriever, np.flatnonzero(items < 0))
    return _carried_state(earlier, retriever, maps), _counts(earlier, retriever, dataset, items)


def _own_variables(retriever: Retriever) -> set[int]:
    """What follows from the dataset, and the states of random generators: not carried over."""
    features = set(map(id, retriever.item_tower.feature_values.values()))
    whole = {id(v) for v in retriever.non_trainable_variables if "float" not in str(v.dtype)}
    return features | whole


def _describe(retriever: Retriever, items: np.ndarray) -> None:
    """Items without events so far begin as they have been recommended so far."""
    if len(items):
        table = retriever.tables["item"]
        values = keras.ops.convert_to_numpy(table).copy()
        described = retriever.item_tower.described(items.astype("int32"))
        scale = retriever.config.item.cold_start.scale  # type: ignore[union-attr]
        values[items] = scale * keras.ops.convert_to_numpy(described)
        table.assign(values)


def _row_maps(earlier: Earlier, retriever: Retriever, dataset: Dataset) -> dict[int, np.ndarray]:
    """By the identity of a variable with a row per id, where each row stood earlier."""
    before, old = earlier.dataset, earlier.retriever
    maps = {}
    if "item" in retriever.tables:
        maps[id(retriever.tables["item"])] = row_map(
            dataset.item_ids[: retriever.known_items], before.item_ids[: old.known_items]
        )
    if "user" in retriever.tables:
        maps[id(retriever.tables["user"])] = row_map(dataset.user_ids, before.user_ids)
    for side in get_args(Side):
        for name, table in retriever.vocabulary_tables(side).items():
            words = row_map(dataset.vocabulary(side, name), before.vocabulary(side, name))
            # Index 0 is a missing value.
            maps[id(table)] = np.concatenate(([0], np.where(words < 0, -1, words + 1)))
    return maps


def _carried_state(
    earlier: Earlier, retriever: Retriever, maps: dict[int, np.ndarray]
) -> OptimizerState | None:
    state = earlier.optimizer
    if state is None:
        return None
    tables = {
        name: tuple(
            carried_rows(maps[id(retriever.tables[name])], slot, initial)
            for slot, initial in zip(slots, state.initial, strict=True)
        )
        for name, slots in state.tables.items()
    }
    dense = [
        tuple(
            carried_rows(maps[id(variable)], slot, initial) if id(variable) in maps else slot
            for slot, initial in zip(slots, state.initial, strict=True)
        )
        for variable, slots in zip(retriever.dense_variables, state.dense, strict=True)
    ]
    return state._replace(tables=tables, dense=dense)


def _counts(
    earlier: Earlier, retriever: Retriever, dataset: Dataset, items: np.ndarray
) -> dict[str, int]:
    users = row_map(dataset.user_ids, earlier.dataset.user_ids)
    counts: dict[str, int] = {}
    for name, rows, there in (
        ("items", items, earlier.retriever.known_items),
        ("users", users, earlier.dataset.users),
    ):
        carried = int((rows >= 0).sum())
        counts |= {
            f"carried_{name}": carried,
            f"new_{name}": len(rows) - carried,
            f"dropped_{name}": there - carried,
        }
    return counts


def said(counts: dict[str, int]) -> str:
    """What was carried over, in a sentence.

    >>> said({"carried_items": 9, "new_items": 1, "dropped_items": 0, "carried_users": 4,
    ...       "new_users": 2, "dropped_users": 1, "epoch_events": 31})
    'goes on from the earlier model: of its items 9 are kept, 0 dropped and 1 is new; of its users \
4 are kept, 1 dropped and 2 are new; an epoch predicts 31 events'
    """
    sides = [
        f"of its {side} {counts[f'carried_{side}']:,} are kept, "
        f"{counts[f'dropped_{side}']:,} dropped and {counts[f'new_{side}']:,} "
        f"{'is' if counts[f'new_{side}'] == 1 else 'are'} new"
        for side in ("items", "users")
    ]
    events = counted(counts["epoch_events"], "event")
    return f"goes on from the earlier model: {'; '.join(sides)}; an epoch predicts {events}"
