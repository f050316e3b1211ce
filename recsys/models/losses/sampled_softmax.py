"""Softmax against a sample of the catalogue, corrected for how it was drawn."""

from typing import Literal

from keras import ops
from pydantic import Field

from recsys.models.losses.log_partition import Others, weighted_log_partition
from recsys.models.losses.reduction import mean_over_events, weight_of
from recsys.models.losses.sampled import SampledLossConfig, paired_scores


class SampledSoftmaxConfig(SampledLossConfig):
    """Cross-entropy against shared negatives."""

    kind: Literal["sampled_softmax"] = "sampled_softmax"
    correct_logq: bool = Field(True, description="subtract the log of the expected count")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of the target's probability given to all items alike"
    )

    def build(self, items: int) -> "SampledSoftmax":
        return SampledSoftmax(self.temperature, self.correct_logq, self.label_smoothing)


class SampledSoftmax:
    """``log(e^s⁺ + Σ_j e^(s_j - log E_j)) - s⁺``, the mean over real events.

    ``E_j`` is the expected number of times that item j is among the draws, so
    the sum is an unbiased estimate of the catalogue's partition function
    (Bengio and Senécal, 2003). The positive is always in the sum, hence it is
    not corrected and draws that hit it are masked (Khrylchenko et al.,
    "Correcting the LogQ Correction", 2025).

    With label smoothing ε, ε of the target's probability goes to the catalogue's
    mean score, estimated from the draws, each weighing ``1 / E_j``.

    Args:
        temperature: scores are divided by it.
        correct_logq: whether ``log E_j`` is subtracted.
        label_smoothing: ε.
    """

    needs_whole_catalogue = False

    def __init__(
        self, temperature: float = 1.0, correct_logq: bool = True, label_smoothing: float = 0.0
    ) -> None:
        self.temperature = temperature
        self.correct_logq = correct_logq
        self.label_smoothing = label_smoothing

    def __call__(self, queries_QD, items_VD, batch, query_of_P=None):
        """The loss of one batch, in float32.

        Args:
            queries_QD: [queries, dim].
            items_VD: [n, dim], the vectors that the indices below point at.
            batch: ``targets`` int32 [predictions], ``weights`` float32 of the
                same shape (0 where nothing is predicted), ``negatives``
                int32 [draws], ``negative_log_counts`` float32 [draws].
            query_of_P: int32 [predictions], the query of each; None: its own.
        """
        weights_P, targets_P, negatives_N = batch["weights"], batch["targets"], batch["negatives"]
        queries_QD = queries_QD / self.temperature
        queries_PD = queries_QD if query_of_P is None else ops.take(queries_QD, query_of_P, axis=0)
        positive_P = paired_scores(queries_PD, ops.take(items_VD, targets_P, axis=0))
        negatives_ND = ops.take(items_VD, negatives_N, axis=0)
        log_counts_N = batch["negative_log_counts"]
        others = Others(
            ops.exp(-log_counts_N) if self.correct_logq else ops.ones_like(log_counts_N),
            first_P=positive_P,
            ids_V=negatives_N,
            left_out_P=targets_P,
            query_of_P=query_of_P,
        )
        partition = weighted_log_partition(queries_QD, negatives_ND, weights_P, others)
        expected_P = positive_P
        if self.label_smoothing:
            shares_N = ops.cast(ops.softmax(-log_counts_N), negatives_ND.dtype)
            mean_P = paired_scores(queries_PD, ops.matmul(shares_N[None], negatives_ND))
            expected_P = expected_P + self.label_smoothing * (mean_P - expected_P)
        return partition / weight_of(weights_P) - mean_over_events(expected_P, weights_P)
