"""Cross-entropy over the whole catalogue."""

from typing import Literal

from keras import ops
from pydantic import Field

from recsys.models.losses.log_partition import weighted_log_partition
from recsys.models.losses.loss import BaseLossConfig
from recsys.models.losses.reduction import mean_over_events, weight_of


class CrossEntropyConfig(BaseLossConfig):
    """Every item of the catalogue is a negative."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    temperature: float = Field(1.0, gt=0, description="scores are divided by it")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of the target's probability given to all items alike"
    )

    def build(self, items: int) -> "CrossEntropy":
        return CrossEntropy(self.temperature, self.label_smoothing)


class CrossEntropy:
    """``-log softmax(q · V / T)[target]``, the mean over real events.

    With label smoothing ε the target's probability is 1 - ε, and ε is spread
    evenly over the catalogue (Szegedy et al., "Rethinking the Inception
    Architecture for Computer Vision", 2016).

    Args:
        temperature: T.
        label_smoothing: ε.
    """

    needs_whole_catalogue = True

    def __init__(self, temperature: float = 1.0, label_smoothing: float = 0.0) -> None:
        self.temperature = temperature
        self.label_smoothing = label_smoothing

    def __call__(self, queries_QD, items_VD, batch, query_of_P=None):
        """The loss of one batch, in float32.

        Args:
            queries_QD: [queries, dim].
            items_VD: [catalogue, dim].
            batch: ``targets`` int32 [predictions] and ``weights`` float32 of
                the same shape, 0 where nothing is predicted.
            query_of_P: int32 [predictions], the query of each; None: its own.
        """
        # Scaled here, not among the logits, of which there are many more.
        queries_QD = queries_QD / self.temperature
        weights_P = weights_Q = batch["weights"]
        queries_PD = queries_QD
        if query_of_P is not None:
            queries_PD = ops.take(queries_QD, query_of_P, axis=0)
            queries = ops.shape(queries_QD)[0]
            weights_Q = ops.segment_sum(weights_P, query_of_P, num_segments=queries)
        partition = weighted_log_partition(queries_QD, items_VD, weights_Q)
        # The target's logit is computed apart: gathering it from the logits
        # would scatter a gradient as large as they are.
        targets_PD = ops.take(items_VD, batch["targets"], axis=0)
        if self.label_smoothing:
            mean_D = ops.mean(ops.cast(items_VD, "float32"), axis=0)
            targets_PD = ops.cast(targets_PD, "float32")
            targets_PD = targets_PD + self.label_smoothing * (mean_D - targets_PD)
            queries_PD = ops.cast(queries_PD, "float32")
        positive_P = ops.cast(ops.sum(queries_PD * targets_PD, axis=-1), "float32")
        return partition / weight_of(weights_P) - mean_over_events(positive_P, weights_P)
