"""What a training under differential privacy of users has in place of the usual parts."""

import logging
from pathlib import Path

import keras

from recsys.data.batches.user_batches import UserBatches
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.models.retriever import Retriever
from recsys.system.display import counted
from recsys.training.config import TrainingConfig
from recsys.training.devices import training_devices
from recsys.training.privacy import (
    Mechanism,
    check_privacy,
    forget_secret,
    keep_secret,
    mechanism,
    secret_of,
)
from recsys.training.step import Step

logger = logging.getLogger(__name__)


class PrivateTraining:
    """Batches that draw users, and the step that hides each of them.

    Args:
        retriever, dataset, config, seed, folder, last_part: see
            :func:`recsys.training.fit.fit`; ``config`` has ``privacy``.

    Attributes:
        batches: of the training.
        mechanism: what keeps the promise.

    Raises:
        InputError: see :func:`recsys.training.privacy.check_privacy` and
            :func:`recsys.training.privacy.mechanism`; or nobody has an event.
    """

    def __init__(
        self,
        retriever: Retriever,
        dataset: Dataset,
        config: TrainingConfig,
        seed: int,
        folder: Path,
        last_part: Part,
    ) -> None:
        assert config.privacy is not None
        check_privacy(retriever.config, keras.backend.backend(), training_devices())
        self._retriever, self._optimizer = retriever, config.optimizer
        # What may be recommended, whoever had it how often.
        known = dataset.recommendable(last_part)[: retriever.known_items]
        sampler = retriever.config.loss.build_sampler(known.astype(int))
        self._folder, self._secret = folder, secret_of(folder)
        self.batches = UserBatches(
            dataset,
            retriever.batch_spec,
            last_part,
            config.batch_size,
            self._secret,
            seed,
            crop=config.crop,
            split_timestamp_groups=config.split_timestamp_groups,
            sampler=sampler,
        )
        if not self.batches.users_with_events:
            raise InputError("there is nobody to train on: no user has an event in the fitted part")
        if self.batches.left_out:
            logger.warning(
                "training.privacy: %s left out of each epoch, of baskets that are larger than "
                "model.max_events",
                counted(self.batches.left_out, "event"),
            )
        self.mechanism: Mechanism = mechanism(
            config.privacy,
            self.batches.users_with_events,
            self.batches.sampling_rate,
            config.epochs * self.batches.steps_per_epoch,
            selects_rows=retriever.gathers_items and "item" in retriever.tables,
        )

    def keep_secret(self) -> None:
        """Writes it down, for the training to go on by."""
        keep_secret(self._folder, self._secret)

    def forget_secret(self) -> None:
        """The training is over."""
        forget_secret(self._folder)

    def build_step(self, total_steps: int) -> Step:
        """The step; see :func:`recsys.training.step.build_step`."""
        from recsys.training.private_step_jax import PrivateStep

        key = self._secret[:2]
        return PrivateStep(self._retriever, self._optimizer, total_steps, self.mechanism, key)
