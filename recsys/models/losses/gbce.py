"""Binary cross-entropy against a sample, calibrated for how few negatives there are."""

from typing import Literal

from keras import ops
from pydantic import Field

from recsys.models.losses.reduction import mean_over_events
from recsys.models.losses.sampled import SampledLossConfig, sampled_scores


class GBCEConfig(SampledLossConfig):
    """Generalised binary cross-entropy; meant for uniform negatives."""

    kind: Literal["gbce"] = "gbce"
    calibration: float = Field(
        0.75, ge=0, le=1, description="0: plain binary cross-entropy; 1: calibrated probabilities"
    )

    def build(self, items: int) -> "GBCE":
        return GBCE(self.temperature, self.calibration, items)


class GBCE:
    """``-β log σ(s⁺) - Σ_j log(1 - σ(s_j))``, the mean over real events.

    With a share α of the catalogue drawn as negatives, plain binary
    cross-entropy (β = 1) overestimates probabilities; ``β = α (t (1 - 1/α) + 1/α)``
    mends it, fully at t = 1, where β = α (Petrov and Macdonald, "gSASRec: Reducing
    Overconfidence in Sequential Recommendation Trained with Negative Sampling", 2023).

    Args:
        temperature: scores are divided by it.
        calibration: t.
        items: size of the catalogue.
    """

    needs_whole_catalogue = False

    def __init__(self, temperature: float, calibration: float, items: int) -> None:
        self.temperature = temperature
        self.calibration = calibration
        self.items = items

    def __call__(self, queries_QD, items_VD, batch, query_of_P=None):
        """The loss of one batch, in float32; arguments as :class:`SampledSoftmax` has them."""
        scores = sampled_scores(queries_QD, items_VD, batch, query_of_P, self.temperature)
        drawn = self._share(ops.shape(batch["negatives"])[0])
        beta = drawn * (self.calibration * (1 - 1 / drawn) + 1 / drawn)
        negative_PN = ops.where(scores.accidental_PN, 0.0, ops.softplus(scores.negative_PN))
        losses_P = beta * ops.softplus(-scores.positive_P) + ops.sum(negative_PN, axis=-1)
        return mean_over_events(losses_P, batch["weights"])

    def _share(self, negatives):
        """Of the catalogue; a tensor where a graph does not know how many negatives there are."""
        items = max(self.items - 1, 1)
        if isinstance(negatives, int):
            return min(negatives / items, 1.0)
        return ops.minimum(ops.cast(negatives, "float32") / items, 1.0)
