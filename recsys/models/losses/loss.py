"""What a loss is: a config that says what it needs, and the function that it builds."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from recsys.batch import NegativeSampler
from recsys.config import StrictConfig


class Loss(Protocol):
    """The loss of one batch.

    Attributes:
        needs_whole_catalogue: whether it is called with the vectors of every item. If not, with
            those of the batch's items and of negatives, which its config's sampler draws.
    """

    needs_whole_catalogue: bool

    def __call__(
        self, queries_QD: Any, items_VD: Any, batch: Mapping[str, Any], query_of_P: Any = None
    ) -> Any:
        """The mean over real events, a float32 scalar.

        Args:
            queries_QD: the query vectors.
            items_VD: the item vectors that ``targets`` and ``negatives`` point at.
            batch: a :class:`recsys.batch.TrainingBatch`.
            query_of_P: int32, the query of each prediction; None: its own.
        """
        ...


class LossConfig(Protocol):
    """Settings of a loss; nothing else in the framework asks which loss it has.

    :class:`BaseLossConfig` is for losses over the whole catalogue,
    :class:`recsys.models.losses.sampled.SampledLossConfig` for those against drawn negatives.

    Attributes:
        kind: names it in an experiment.
    """

    @property
    def kind(self) -> str: ...

    def build(self, items: int) -> Loss:
        """The loss.

        Args:
            items: that may be recommended: the size of the catalogue in a softmax.
        """
        ...

    def build_sampler(self, item_counts: np.ndarray) -> NegativeSampler | None:
        """What draws the negatives; None for a loss over the whole catalogue.

        Args:
            item_counts: int64 [known items], how often each is a target in the fitted parts.
        """
        ...


class BaseLossConfig(StrictConfig):
    """A loss over the whole catalogue; see :class:`LossConfig`."""

    def build_sampler(self, item_counts: np.ndarray) -> NegativeSampler | None:
        return None
