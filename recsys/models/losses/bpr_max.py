"""BPR-max: the positive against the negatives that score highest."""

from typing import Literal

from keras import ops
from pydantic import Field

from recsys.models.losses.reduction import mean_over_events
from recsys.models.losses.sampled import SampledLossConfig, sampled_scores, without


class BPRMaxConfig(SampledLossConfig):
    """Pairs of the target and each negative, weighed by the negatives' softmax."""

    kind: Literal["bpr_max"] = "bpr_max"
    score_penalty: float = Field(
        1.0, ge=0, description="weight of the negatives' squared scores; keeps them small"
    )

    def build(self, items: int) -> "BPRMax":
        return BPRMax(self.temperature, self.score_penalty)


class BPRMax:
    """``-log Σ_j w_j σ(s⁺ - s_j) + λ Σ_j w_j s_j²``, w the negatives' softmax.

    Hidasi and Karatzoglou, "Recurrent Neural Networks with Top-k Gains for
    Session-based Recommendations" (2018). The mean over real events;
    draws that are the target are left out.

    Args:
        temperature: scores are divided by it.
        score_penalty: λ.
    """

    needs_whole_catalogue = False

    def __init__(self, temperature: float = 1.0, score_penalty: float = 1.0) -> None:
        self.temperature = temperature
        self.score_penalty = score_penalty

    def __call__(self, queries_QD, items_VD, batch, query_of_P=None):
        """The loss of one batch, in float32; arguments as :class:`SampledSoftmax` has them."""
        scores = sampled_scores(queries_QD, items_VD, batch, query_of_P, self.temperature)
        negative_PN = ops.where(scores.accidental_PN, 0.0, scores.negative_PN)
        allowed_PN = without(negative_PN, scores.accidental_PN)
        # Nothing but accidental hits: no pair, no loss.
        some_P = ops.logical_not(ops.all(scores.accidental_PN, axis=-1))
        allowed_PN = ops.where(some_P[:, None], allowed_PN, 0.0)
        log_weights_PN = ops.log_softmax(allowed_PN, axis=-1)
        log_wins_PN = ops.log_sigmoid(scores.positive_P[:, None] - negative_PN)
        pairs_P = -ops.logsumexp(log_weights_PN + log_wins_PN, axis=-1)
        squares_P = ops.sum(ops.exp(log_weights_PN) * ops.square(negative_PN), axis=-1)
        losses_P = ops.where(some_P, pairs_P + self.score_penalty * squares_P, 0.0)
        return mean_over_events(losses_P, batch["weights"])
