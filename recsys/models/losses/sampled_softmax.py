"""Softmax against a sample of the catalogue, corrected for how it was drawn."""

from typing import Literal

from keras import ops
from pydantic import Field

from recsys.models.losses.reduction import mean_over_events
from recsys.models.losses.sampled import SampledLossConfig, sampled_scores, without


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

    def __call__(self, queries_QD, items_ID, batch, query_of_P=None):
        """The loss of one batch, in float32.

        Args:
            queries_QD: [queries, dim].
            items_ID: [n, dim], the vectors that the indices below point at.
            batch: ``targets`` int32 [predictions], ``weights`` float32 of the
                same shape (0 where nothing is predicted), ``negatives``
                int32 [draws], ``negative_log_counts`` float32 [draws].
            query_of_P: int32 [predictions], the query of each; None: its own.
        """
        scores = sampled_scores(queries_QD, items_ID, batch, query_of_P, self.temperature)
        corrected_PN = scores.negative_PN
        if self.correct_logq:
            corrected_PN = corrected_PN - batch["negative_log_counts"][None, :]
        corrected_PN = without(corrected_PN, scores.accidental_PN)
        all_scores = ops.concatenate([scores.positive_P[:, None], corrected_PN], axis=-1)
        expected_P = scores.positive_P
        if self.label_smoothing:
            shares_N = ops.softmax(-batch["negative_log_counts"])
            mean_P = ops.matmul(scores.negative_PN, shares_N[:, None])[:, 0]
            expected_P = expected_P + self.label_smoothing * (mean_P - expected_P)
        losses_P = ops.logsumexp(all_scores, axis=-1) - expected_P
        return mean_over_events(losses_P, batch["weights"])
