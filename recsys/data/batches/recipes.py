"""Batches as a device gathers them, which holds the dataset itself."""

from collections.abc import Mapping

import numpy as np

from recsys.batch import EVENT_FEATURE, USER_FEATURE
from recsys.data.batches.dispatch import Dispatch
from recsys.data.batches.epoch_sampler import EpochSample
from recsys.data.batches.histories import whole_seconds
from recsys.data.batches.negatives import Negatives
from recsys.data.batches.recipe import Recipe, Shape
from recsys.data.batches.sequences import Sequences
from recsys.data.queries import slices

# What :meth:`Recipes.data` holds of each prediction, or of each query.
PREDICTED = ("targets", "weights", "queries", "columns")


class Recipes:
    """The recipes of a training's dispatches: what each batch is gathered from, to the bit.

    Args:
        sequences: that the users' events were cut into.
        times: int64 microseconds of every event, for a model that reads them; else None.
        features: of the users, by name.
        negatives: draws them, for a loss that needs some; else None.
        grouped: whether a query may predict several events.
    """

    def __init__(
        self,
        sequences: Sequences,
        times: np.ndarray | None,
        features: Mapping[str, np.ndarray],
        negatives: Negatives | None,
        grouped: bool,
    ) -> None:
        self._sequences = sequences
        self._times = times
        self._features = features
        self._negatives = negatives
        self._grouped = grouped
        self._events = int(np.sum(sequences.target_ends - sequences.target_begins))
        # By name, what is held on a device and what it was made of.
        self._data: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._seconds: np.ndarray | None = None

    def data(self, sample: EpochSample) -> dict[str, np.ndarray] | None:
        """What the batches of an epoch are gathered from, for a device that holds it.

        Args:
            sample: what :meth:`sample` returned for the epoch.

        Returns:
            Arrays of 32 bits but for the users' features, of the same shapes in every epoch, and
            the same objects as for the last one where they hold the same. None: times are more
            than 68 years apart.
        """
        found, sequences = sample.predictions, self._sequences
        sources = {
            "items": sample.items,
            "begins": sample.begins,
            "ends": sequences.ends,
            "users": sequences.users,
            "offsets": found.offsets,
            "targets": found.items,
            "weights": found.weights,
            "queries": found.queries,
            "query_offsets": found.query_offsets,
            "columns": found.columns,
        }
        if self._times is not None:
            if self._seconds is None:
                seconds = whole_seconds(np.asarray(self._times))
                self._seconds = seconds - seconds.min()
            if self._seconds.max(initial=0) > np.iinfo(np.int32).max:
                return None
            sources["seconds"] = self._seconds
        sources |= {EVENT_FEATURE + name: values for name, values in sample.features.items()}
        for name, source in sources.items():
            if name not in self._data or self._data[name][0] is not source:
                kept = source if source.dtype == np.float32 else source.astype(np.int32)
                if name in PREDICTED:  # cropped epochs predict less
                    kept = np.pad(kept, (0, self._events - len(kept)))
                self._data[name] = (source, kept)
        features = {USER_FEATURE + name: values for name, values in self._features.items()}
        return {name: kept for name, (_, kept) in self._data.items()} | features

    def recipe(self, dispatch: Dispatch, sample: EpochSample) -> Recipe:
        """A dispatch for a device that holds :meth:`data`.

        Args:
            dispatch: the steps.
            sample: what :meth:`sample` returned for the epoch.

        Raises:
            ValueError: the data cannot lie on a device.
        """
        data = self.data(sample)
        if data is None:
            raise ValueError("times are too far apart for 32 bits: assemble on the host")
        placement = dispatch.placement
        steps = len(placement.sequences)
        beyond = placement.lanes * placement.width
        table = {
            "numbers": np.full((dispatch.room, placement.sequences.shape[1]), -1, np.int32),
            "origins": np.full((dispatch.room, placement.sequences.shape[1]), beyond, np.int32),
        }
        there = placement.sequences >= 0
        origins = placement.sequence_lanes * placement.width + placement.columns
        table["numbers"][:steps] = placement.sequences
        table["origins"][:steps] = np.where(there, origins, beyond)
        if self._negatives is not None:
            for step in range(steps):
                numbers = placement.sequences[step][there[step]]
                found = sample.predictions
                predicted, _ = slices(found.offsets, numbers)
                targets = found.items[predicted[found.weights[predicted] > 0]]
                drawn = self._negatives.draw(targets, sample.epoch, dispatch.first_step + step)
                for name, each in drawn.items():
                    if name not in table:
                        table[name] = np.zeros((dispatch.room, *each.shape), each.dtype)
                    table[name][step] = each
        shape = Shape(
            placement.lanes,
            placement.width,
            dispatch.queries,
            dispatch.predictions,
            self._grouped,
        )
        return Recipe(data, table, shape)
