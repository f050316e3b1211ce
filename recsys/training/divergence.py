"""Names what is behind a loss that is not a number."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recsys.batch import EVENT_FEATURE, USER_FEATURE
from recsys.data.batches.dispatch import Dispatch
from recsys.data.batches.epoch_sampler import EpochSample
from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.batches.user_batches import UserBatches
from recsys.data.dataset import Dataset
from recsys.errors import TrainingDiverged
from recsys.models.retriever import Retriever
from recsys.system.display import counted, printable
from recsys.system.wording import option, switch
from recsys.training.config import TrainingConfig

# Features are standardised, and what is in the hundreds is an outlier already.
HUGE = 1e6
# Users of a batch that a message names.
SHOWN = 3


class NotANumber(Exception):
    """A loss or a weight is infinite, or is not a number.

    Args:
        what: it is.
        epoch: in which it was found, from 0.
        step: of the epoch, from 0; at the latest.
    """

    def __init__(self, what: str, epoch: int, step: int) -> None:
        super().__init__(f"{what}, epoch {epoch}, step {step}")
        self.what = what
        self.epoch = epoch
        self.step = step


def all_finite(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether all are numbers, and none is infinite; integers are."""
    with np.errstate(all="ignore"):
        # A sum has whatever is not finite, and reads the memory once.
        return all(
            np.isfinite(array.sum()) or np.isfinite(array).all()
            for array in arrays.values()
            if array.dtype.kind == "f"
        )


@contextlib.contextmanager
def explained(
    retriever: Retriever,
    dataset: Dataset,
    batches: TrainingBatches | UserBatches,
    config: TrainingConfig,
) -> Iterator[None]:
    """Within it, :class:`NotANumber` becomes an error that names what is behind it.

    The batch of the step is made again, and looked through; then the retriever is asked for its
    vectors with weights that are numbers. It is of no use any more after that.

    Args:
        retriever: what is trained.
        dataset: what it is trained on.
        batches: of the training.
        config: likewise.

    Raises:
        TrainingDiverged: in place of :class:`NotANumber`.
    """
    try:
        yield
    except NotANumber as found:
        batch = _Batch(retriever, dataset, batches, found, config.steps_per_dispatch)
        cause = batch.outlier() or batch.without_vector()
        if cause is None:
            rate = config.optimizer.learning_rate
            cause = (
                f"No value in the step's batch stands out ({batch.described()}): the weights ran "
                f"away. Lower training.optimizer.learning_rate ({rate:g}), or raise its "
                "warmup_steps"
            )
        raise TrainingDiverged(
            f"training diverged in epoch {found.epoch + 1}, step {found.step + 1}: {found.what}. "
            f"{cause}. What was changed is trained under another {option('name')}, or with "
            f"{switch('overwrite')}; the checkpoints from before are kept until then."
        ) from None


@dataclass
class _Batch:
    """The batch of a step, with whose sequences it has."""

    retriever: Retriever
    dataset: Dataset
    batches: TrainingBatches | UserBatches
    found: NotANumber
    steps_per_dispatch: int

    def __post_init__(self) -> None:
        sample = self.batches.sample(self.found.epoch)
        dispatch = self._dispatch(sample)
        step = self.found.step - dispatch.first_step
        self.arrays: dict[str, Any] = self.batches.batch(dispatch, step, sample)
        self.users = self.batches.users(dispatch, step)
        names = [name for name in ("history", "targets", "negatives") if name in self.arrays]
        self.items = np.unique(np.concatenate([self.arrays[name].ravel() for name in names]))

    def _dispatch(self, sample: EpochSample) -> Dispatch:
        before = [
            each
            for each in self.batches.dispatches(sample, self.steps_per_dispatch)
            if each.first_step <= self.found.step
        ]
        return max(before, key=lambda each: each.first_step)

    def described(self) -> str:
        """Whose sequences it has."""
        users = list(dict.fromkeys(self.users.tolist()))
        named = ", ".join(self._user(user) for user in users[:SHOWN])
        more = f" and {counted(len(users) - SHOWN, 'other')}" if len(users) > SHOWN else ""
        return f"sequences of the users {named}{more}"

    def outlier(self) -> str | None:
        """The feature with the hugest value, or one that is not a number."""
        worst, said = HUGE, None
        for name, values, owner in self._features():
            cells = values.reshape(len(values), -1)
            sizes = np.where(np.isnan(cells), np.inf, np.abs(cells))
            row, column = np.unravel_index(np.argmax(sizes), sizes.shape)
            if sizes[row, column] > worst:
                worst, value = sizes[row, column], cells[row, column]
                said = (
                    f"The feature {printable(name)!r} of {owner(row)} is {value:g} as the model "
                    "reads it: mend or clip it in its source, or leave it out"
                )
        return said

    def _features(self) -> Iterator[tuple[str, np.ndarray, Any]]:
        """By name the values of floating features, a row each, and whose row it is."""
        retriever = self.retriever
        for spec in retriever.user_features:
            values = self.arrays[USER_FEATURE + spec["name"]][: len(self.users)]
            yield spec["name"], values, lambda row: f"user {self._user(self.users[row])}"
        for spec in retriever.event_features:
            values = self.arrays[EVENT_FEATURE + spec["name"]]
            cells = values.shape[0] * values.shape[1]
            yield spec["name"], values.reshape(cells, -1), self._owner_of_event
        for spec in retriever.item_features:
            values = np.asarray(self.dataset.feature("item", spec["name"])[self.items])
            if values.dtype.kind == "f":
                yield spec["name"], values, lambda row: f"item {self._item(self.items[row])}"

    def _owner_of_event(self, cell: int) -> str:
        lane, column = divmod(cell, self.arrays["history"].shape[1])
        item = self._item(self.arrays["history"][lane, column])
        return f"an event of user {self._user_at(lane, column)} with item {item}"

    def without_vector(self) -> str | None:
        """The item or the sequence whose vector is not a number, whatever the weights."""
        self._make_finite()
        outputs = self.retriever(self._local(), training=False)
        items_VD, queries_BLD = (
            keras.ops.convert_to_numpy(keras.ops.cast(outputs[name], "float32"))
            for name in ("items", "queries")
        )
        broken = np.flatnonzero(~np.isfinite(items_VD).all(axis=-1))
        if len(broken):
            item = self._item(self.items[broken[0]])
            return (
                f"The vector of item {item} is not a number whatever the weights: look at its "
                "features"
            )
        broken_BL = ~np.isfinite(queries_BLD).all(axis=-1)
        for lane, column in np.argwhere(broken_BL):
            user = self._user_at(lane, column)
            return (
                f"The sequence of user {user} has a vector that is not a number whatever the "
                "weights: look at its events, and at an encoder of your own"
            )
        return None

    def _make_finite(self) -> None:
        """Gives weights that are lost others, of the usual size."""
        generator = np.random.default_rng(0)
        for variable in self.retriever.changing_variables:
            values = keras.ops.convert_to_numpy(variable)
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                variable.assign(generator.normal(0.0, 0.02, values.shape))

    def _local(self) -> dict[str, Any]:
        """The batch, whose history points into the items of the batch alone."""
        history = np.searchsorted(self.items, self.arrays["history"]).astype(np.int32)
        return {**self.arrays, "history": history, "item_ids": self.items.astype(np.int32)}

    def _user_at(self, lane: int, column: int) -> str:
        """The user whose sequence has a position."""
        sequence = lane
        if "segment_ids" in self.arrays and self.retriever.batch_spec.history:
            sequence = self.arrays["segment_ids"][lane, column]
        return self._user(self.users[sequence]) if 0 <= sequence < len(self.users) else "(none)"

    def _user(self, user: Any) -> str:
        return repr(printable(str(self.dataset.user_ids[user])))

    def _item(self, item: Any) -> str:
        return repr(printable(str(self.dataset.item_ids[item])))
