"""A linear model in closed form."""

import logging
from copy import copy
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.evaluation.baselines.baseline import BaseBaselineConfig, Candidate
from recsys.evaluation.baselines.interactions import learned_events, met, met_before
from recsys.evaluation.baselines.memory import require_memory
from recsys.evaluation.baselines.popular import tie_breaker

logger = logging.getLogger(__name__)

# Tried on the validation part; the first where nothing is chosen.
REGULARIZATIONS = (200.0, 50.0, 10.0, 1000.0)
# The work grows with the cube of the items, so in larger catalogues nothing is.
CHOSEN_UP_TO_ITEMS = 20_000
_BLOCK_ITEMS = 1024  # rows worked on at a time


class EASE:
    """Each item predicted from all others by ridge regression (Steck, 2019).

    With ``X`` [users, items] 1 where a user has met an item and
    ``P = (XᵀX + regularization · I)⁻¹``, the item-to-item weights that minimise
    ``‖X − XB‖² + regularization · ‖B‖²`` under a diagonal of zeros are
    ``B = −P / diag(P)``, columns divided. An item's score is the sum of its
    weights from the distinct items of the history. Items that tie follow by
    popularity.

    It holds ``4 · items²`` bytes, and the work grows with the cube of the items.

    Args:
        dataset: the log.
        part: the last part to learn from.
        regularization: in users; larger values trust rare items less.
        repeats: whether an item has a weight for itself, too, the one that it
            has without the constraint, ``1 − regularization · P_ii``. It matters
            only where what was seen may be recommended again.
        gram: ``XᵀX``, float32 [items, items], where it was counted before; it is
            left as it is.

    Raises:
        InputError: the weights do not fit into memory.
    """

    def __init__(
        self,
        dataset: Dataset,
        part: Part,
        regularization: float = REGULARIZATIONS[0],
        repeats: bool = False,
        gram: np.ndarray | None = None,
    ) -> None:
        self.dataset = dataset
        self.catalogue_items = dataset.manifest.known_items[part]
        self.regularization = regularization
        self.repeats = repeats
        _require_memory(self.catalogue_items, matrices=1)
        if self.catalogue_items > CHOSEN_UP_TO_ITEMS:
            logger.info("ease inverts a matrix of %d items: this takes long", self.catalogue_items)
        inverse = count_together(dataset, part) if gram is None else gram.copy()
        inverse[np.diag_indices_from(inverse)] += np.float32(regularization)
        invert(inverse)
        diagonal = inverse.diagonal().copy()
        self.weights = np.divide(inverse, -diagonal, out=inverse)
        np.fill_diagonal(self.weights, 0.0)
        self.own_weights = 1 - np.float32(regularization) * diagonal
        self.tie_breaker = tie_breaker(dataset, part)

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        items = dataset.manifest.known_items[part]
        _require_memory(items, matrices=2 if items <= CHOSEN_UP_TO_ITEMS else 1)

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """Strengths of the regularization, and whether items have a weight for themselves."""
        chosen = dataset.manifest.known_items[part] <= CHOSEN_UP_TO_ITEMS
        fitted = _OneAtATime(dataset, part, shared=chosen)
        settings: list[dict[str, Any]] = [
            {"regularization": regularization, "repeats": repeats}
            for regularization in REGULARIZATIONS[: None if chosen else 1]
            for repeats in ((False, True) if seen == "allow" else (False,))
        ]
        return [(each, partial(fitted, **each)) for each in settings]

    def variant(self, repeats: bool) -> "EASE":
        """The same weights, with or without those of items for themselves."""
        other = copy(self)
        other.repeats = repeats
        return other

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """Weights from the history, summed, float32 [block, catalogue_items]."""
        histories = met_before(self.dataset, queries, block, self.catalogue_items)
        scores = histories @ self.weights
        if self.repeats:
            scores += (histories * self.own_weights).toarray()
        scores += self.tie_breaker
        return scores


class EASEConfig(BaseBaselineConfig):
    """The baseline :class:`EASE`."""

    kind: Literal["ease"] = "ease"
    scorer: ClassVar = EASE


class _OneAtATime:
    """Fits the candidates from one count, and forgets the last strength before the next."""

    def __init__(self, dataset: Dataset, part: Part, shared: bool) -> None:
        self._dataset, self._part, self._shared = dataset, part, shared
        self._gram: np.ndarray | None = None
        self._fitted: EASE | None = None

    def __call__(self, regularization: float, repeats: bool) -> EASE:
        if self._shared and self._gram is None:
            self._gram = count_together(self._dataset, self._part)
        if self._fitted is None or self._fitted.regularization != regularization:
            self._fitted = None  # or three matrices would be held
            self._fitted = EASE(self._dataset, self._part, regularization, gram=self._gram)
        return self._fitted.variant(repeats)


def count_together(dataset: Dataset, part: Part) -> np.ndarray:
    """How many users have met both items, float32 [items, items]."""
    items = dataset.manifest.known_items[part]
    users_items = met(dataset, learned_events(dataset, part), items)
    by_item = users_items.T.tocsr()
    together = np.empty((items, items), np.float32)
    for begin in range(0, items, _BLOCK_ITEMS):
        rows = slice(begin, begin + _BLOCK_ITEMS)
        together[rows] = (by_item[rows] @ users_items).toarray()
    return together


def invert(matrix: np.ndarray) -> None:
    """Inverts a symmetric positive definite matrix in place.

    The sweep operator (Goodnight, 1979), blocks of rows at a time: products of
    matrices and inverses of small blocks only, since LAPACK's drivers need three
    more copies or, with 32-bit indices, fail at some 40 thousand rows.

    Args:
        matrix: float32 or float64 [n, n].
    """
    size = len(matrix)
    blocks = [
        slice(begin, min(begin + _BLOCK_ITEMS, size)) for begin in range(0, size, _BLOCK_ITEMS)
    ]
    for pivot in blocks:
        inverse = np.linalg.inv(matrix[pivot, pivot].astype(np.float64)).astype(matrix.dtype)
        # Only the upper triangle is kept up to date, which halves the work.
        columns = np.concatenate((matrix[: pivot.stop, pivot], matrix[pivot, pivot.stop :].T))
        scaled = columns @ inverse
        columns[pivot] = 0.0
        for rows in blocks:
            matrix[rows, rows.start :] -= scaled[rows] @ columns[rows.start :].T
        matrix[: pivot.start, pivot] = scaled[: pivot.start]
        matrix[pivot, pivot.stop :] = scaled[pivot.stop :].T
        matrix[pivot, pivot] = -inverse
    for rows in blocks:
        matrix[rows, rows.start :] *= -1
        matrix[rows.stop :, rows] = matrix[rows, rows.stop :].T


def _require_memory(items: int, matrices: int) -> None:
    work = 5 * min(_BLOCK_ITEMS, items)  # blocks of columns, products and counts
    require_memory("ease", 4.0 * items * (matrices * items + work), items)
