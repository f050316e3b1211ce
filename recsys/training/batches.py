"""The training batches of a model."""

import numpy as np

from recsys.data.batches.sequences import OldEvents
from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.models.retriever import Retriever
from recsys.system.devices import on_accelerator
from recsys.training.config import TrainingConfig

# Widths of batches, where a lane is a sequence, that an accelerator compiles: seconds each.
MOST_WIDTHS = 3


def training_batches(
    retriever: Retriever,
    dataset: Dataset,
    config: TrainingConfig | None = None,
    seed: int = 1,
    last_part: Part = "train",
    shares: int = 1,
    old: OldEvents | None = None,
) -> TrainingBatches:
    """The batches of a dataset that a retriever trains on, its negatives among them.

    :func:`recsys.training.fit.fit` reads them, and so does Keras::

        retriever.compile(optimizer=keras.optimizers.Adam(1e-3))
        retriever.fit(training_batches(retriever, dataset), epochs=5, shuffle=False)

    Both take the same steps where a batch holds every row of the tables; what they report of an
    epoch differs a little, as Keras takes the mean over batches and ``recsys.training`` over
    events.

    Args:
        retriever: says what it reads (``batch_spec``) and how its negatives are drawn.
        dataset: what it is fitted on.
        config: gives the size of a batch and how events become sequences; by default that of
            an experiment without a ``training`` section.
        seed: of order and negatives.
        last_part: the last part of the log that is fitted.
        shares: devices that share a batch.
        old: see :class:`TrainingBatches`.

    Raises:
        InputError: the model reads times, and the dataset has none; or ``config.privacy`` is set.
    """
    config = config or TrainingConfig()
    if config.privacy is not None:
        raise InputError(
            "batches of sequences cannot keep training.privacy, which draws users: train with "
            "recsys.training.fit.fit, or leave it out"
        )
    events = dataset.fitted_events(last_part)
    targets = dataset.event_items[events[dataset.event_weights[events] > 0]]
    # What training has never seen is not a negative (see Retriever.loss_of).
    counts = np.bincount(targets, minlength=retriever.known_items)
    return TrainingBatches(
        dataset,
        retriever.batch_spec,
        last_part,
        config.batch_size,
        seed,
        overlap=config.overlap,
        crop=config.crop,
        split_timestamp_groups=config.split_timestamp_groups,
        sampler=retriever.config.loss.build_sampler(counts),
        shares=shares,
        most_widths=MOST_WIDTHS if on_accelerator() else None,
        old=old,
    )
