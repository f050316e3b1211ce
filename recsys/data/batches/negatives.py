"""The negatives of each step, whether the host or a device assembles its batch."""

from dataclasses import dataclass

import numpy as np

from recsys.batch import NegativeSampler


@dataclass(frozen=True)
class Negatives:
    """Draws the negatives of a training, a pure function of (seed, epoch, step).

    Attributes:
        sampler: draws those of a batch.
        seed: of the training.
    """

    sampler: NegativeSampler
    seed: int

    def draw(self, targets: np.ndarray, epoch: int, step: int) -> dict[str, np.ndarray]:
        """The keys ``negatives`` and ``negative_log_counts`` of a batch.

        Args:
            targets: int32 [targets], the items that the batch predicts with a weight.
            epoch: number of the epoch, from 0.
            step: number of the step in it, from 0.
        """
        if not len(targets):  # nothing but context events: the loss is 0 whatever is drawn
            items = np.zeros(self.sampler.count, dtype=np.int32)
            return {"negatives": items, "negative_log_counts": items.astype(np.float32)}
        generator = np.random.default_rng([self.seed, epoch, step, 2])
        items, log_counts = self.sampler.draw(generator, targets)
        return {"negatives": items, "negative_log_counts": log_counts}
