"""Softmax against a sample of the catalogue, corrected for how it was drawn."""

from typing import Literal

import numpy as np
from keras import ops
from pydantic import Field

from recsys.config import StrictConfig
from recsys.models.losses.negatives import MixedConfig, NegativesConfig
from recsys.models.losses.reduction import mean_over_events


class SampledSoftmaxConfig(StrictConfig):
    """Cross-entropy against shared negatives."""

    kind: Literal["sampled_softmax"] = "sampled_softmax"
    negatives: NegativesConfig = Field(MixedConfig(), description="how negatives are drawn")
    correct_logq: bool = Field(True, description="subtract the log of the expected count")
    temperature: float = Field(1.0, gt=0, description="scores are divided by it")

    def build(self) -> "SampledSoftmax":
        return SampledSoftmax(self.temperature, self.correct_logq)


class SampledSoftmax:
    """``log(e^s⁺ + Σ_j e^(s_j - log E_j)) - s⁺``, the mean over real events.

    ``E_j`` is the expected number of times that item j is among the draws, so
    the sum is an unbiased estimate of the catalogue's partition function
    (Bengio and Senécal, 2003). The positive is always in the sum, hence it is
    not corrected and draws that hit it are masked (Khrylchenko et al.,
    "Correcting the LogQ Correction", 2025).

    Args:
        temperature: scores are divided by it.
        correct_logq: whether ``log E_j`` is subtracted.
    """

    needs_whole_catalogue = False

    def __init__(self, temperature: float = 1.0, correct_logq: bool = True) -> None:
        self.temperature = temperature
        self.correct_logq = correct_logq

    def __call__(self, queries, items, batch):
        """The loss of one batch, in float32.

        Args:
            queries: [batch, positions, dim].
            items: [n, dim], the vectors that the indices below point at.
            batch: ``targets`` int32 [batch, positions], ``weights`` float32 of
                the same shape (0 where nothing is predicted), ``negatives``
                int32 [draws], ``negative_log_counts`` float32 [draws].
        """
        dim = queries.shape[-1]
        queries_PD = ops.reshape(queries, (-1, dim))
        targets_P = ops.reshape(batch["targets"], (-1,))
        negatives_N = batch["negatives"]
        positive_P = ops.cast(
            ops.sum(queries_PD * ops.take(items, targets_P, axis=0), axis=-1), "float32"
        )
        positive_P = positive_P / self.temperature
        negatives_ND = ops.take(items, negatives_N, axis=0)
        logits_PN = ops.cast(ops.matmul(queries_PD, ops.transpose(negatives_ND)), "float32")
        logits_PN = logits_PN / self.temperature
        if self.correct_logq:
            logits_PN = logits_PN - batch["negative_log_counts"][None, :]
        accidental_PN = negatives_N[None, :] == targets_P[:, None]
        logits_PN = ops.where(accidental_PN, -np.inf, logits_PN)
        logits = ops.concatenate([positive_P[:, None], logits_PN], axis=-1)
        losses_P = ops.logsumexp(logits, axis=-1) - positive_P
        return mean_over_events(losses_P, ops.reshape(batch["weights"], (-1,)))
