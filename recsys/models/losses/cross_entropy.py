"""Cross-entropy over the whole catalogue."""

from typing import Literal

from keras import ops
from pydantic import Field

from recsys.config import StrictConfig
from recsys.models.losses.reduction import mean_over_events


class CrossEntropyConfig(StrictConfig):
    """Every item of the catalogue is a negative."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    temperature: float = Field(1.0, gt=0, description="scores are divided by it")

    def build(self) -> "CrossEntropy":
        return CrossEntropy(self.temperature)


class CrossEntropy:
    """``-log softmax(q · V)[target]``, the mean over real events."""

    needs_whole_catalogue = True

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature

    def __call__(self, queries, items, batch):
        """The loss of one batch, in float32.

        Args:
            queries: [batch, positions, dim].
            items: [catalogue, dim].
            batch: ``targets`` int32 [batch, positions] and ``weights`` float32
                of the same shape, 0 where nothing is predicted.
        """
        dim = queries.shape[-1]
        queries_PD = ops.reshape(queries, (-1, dim))
        targets_P = ops.reshape(batch["targets"], (-1,))
        logits_PI = ops.cast(ops.matmul(queries_PD, ops.transpose(items)), "float32")
        logits_PI = logits_PI / self.temperature
        # The target's logit is computed apart: gathering it from the logits
        # would scatter a gradient as large as they are.
        positive_P = ops.cast(
            ops.sum(queries_PD * ops.take(items, targets_P, axis=0), axis=-1), "float32"
        )
        losses_P = ops.logsumexp(logits_PI, axis=-1) - positive_P / self.temperature
        return mean_over_events(losses_P, ops.reshape(batch["weights"], (-1,)))
