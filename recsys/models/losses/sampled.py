"""What losses against sampled negatives have in common."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops
from pydantic import Field

from recsys.batch import NegativeSampler
from recsys.models.losses.loss import BaseLossConfig
from recsys.models.losses.negatives import MixedConfig, NegativesConfig


class SampledLossConfig(BaseLossConfig):
    """Negatives are drawn for each batch and shared by its predictions."""

    negatives: NegativesConfig = Field(MixedConfig(), description="how negatives are drawn")
    temperature: float = Field(1.0, gt=0, description="scores are divided by it")

    def build_sampler(self, item_counts: np.ndarray) -> NegativeSampler | None:
        return self.negatives.build(item_counts)


class SampledScores(NamedTuple):
    """Scores of one batch, float32; P predictions, N draws.

    Attributes:
        positive_P: the targets'.
        negative_PN: the draws'.
        accidental_PN: bool, where a draw is the target itself.
    """

    positive_P: Any
    negative_PN: Any
    accidental_PN: Any


def sampled_scores(queries_QD, items_VD, batch, query_of_P, temperature: float) -> SampledScores:
    """Scores the targets and the draws of a batch.

    Args:
        queries_QD: [queries, dim].
        items_VD: [n, dim], the vectors that the indices below point at.
        batch: ``targets`` int32 [predictions], ``negatives`` int32 [draws].
        query_of_P: int32 [predictions], the query of each; None: its own.
        temperature: scores are divided by it.
    """
    queries_PD = queries_QD / temperature
    if query_of_P is not None:
        queries_PD = ops.take(queries_PD, query_of_P, axis=0)
    targets_P, negatives_N = batch["targets"], batch["negatives"]
    positive_P = paired_scores(queries_PD, ops.take(items_VD, targets_P, axis=0))
    negatives_ND = ops.take(items_VD, negatives_N, axis=0)
    negative_PN = ops.matmul(queries_PD, ops.transpose(negatives_ND))
    return SampledScores(
        positive_P,
        ops.cast(negative_PN, "float32"),
        negatives_N[None, :] == targets_P[:, None],
    )


def without(scores_PN, left_out_PN):
    """Scores that no exponential sees: -inf where ``left_out_PN``."""
    return ops.where(left_out_PN, -np.inf, scores_PN)


def paired_scores(queries_PD, items_PD):
    """Each query with the item of the same row; float32 [predictions]."""
    return ops.cast(ops.sum(queries_PD * items_PD, axis=-1), "float32")
