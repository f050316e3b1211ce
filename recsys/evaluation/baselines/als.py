"""Matrix factorisation of what was met and what was not."""

from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.errors import InputError
from recsys.evaluation.baselines.baseline import BaseBaselineConfig, Candidate
from recsys.evaluation.baselines.interactions import learned_events, met, met_before
from recsys.evaluation.baselines.memory import require_memory
from recsys.evaluation.baselines.popular import tie_breaker
from recsys.system.extras import require

# Tried on the validation part: (regularization, alpha) with each number of factors.
STRENGTHS = ((1.0, 1.0), (10.0, 1.0), (10.0, 20.0))
FACTORS = (64, 256)


class ALS:
    """Implicit matrix factorisation by alternating least squares (Hu et al., 2008).

    Vectors of users and items whose products come near 1 where a user has met an
    item and near 0 elsewhere, an item met counting ``alpha`` times as much as one
    not met; by the library ``implicit``. Only the item vectors are kept: a query's
    vector is solved for from the distinct items of its history, so that users of
    whom nothing was known are answered, too. Without a history, items follow by
    popularity.

    The same on every call, whatever the number of threads: each row is solved by
    one thread, and the products over all rows run on a single one.

    Args:
        dataset: the log.
        part: the last part to learn from.
        factors: length of a vector.
        regularization: of the squared length of every vector.
        alpha: weight of what was met relative to what was not.
        iterations: alternations.
        seed: of the vectors to begin with.

    Raises:
        InputError: the vectors do not fit into memory, or the library is missing
            (``recsys[baselines]``) or a system library that it needs.
    """

    def __init__(
        self,
        dataset: Dataset,
        part: Part,
        factors: int = 64,
        regularization: float = 1.0,
        alpha: float = 1.0,
        iterations: int = 15,
        seed: int = 0,
    ) -> None:
        self.dataset = dataset
        self.catalogue_items = dataset.manifest.known_items[part]
        _require_memory(dataset, part, factors)
        users_items = met(dataset, learned_events(dataset, part), self.catalogue_items)
        with threadpool_limits(1, "blas"):
            self.model = _library().AlternatingLeastSquares(
                factors=factors,
                regularization=regularization,
                alpha=alpha,
                iterations=iterations,
                random_state=seed,
            )
            self.model.fit(sparse.csr_matrix(users_items), show_progress=False)
        self.model.user_factors = None
        self.tie_breaker = tie_breaker(dataset, part)

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        _library()
        _require_memory(dataset, part, max(FACTORS))

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """Lengths of the vectors, and what each event counts for."""
        settings: list[dict[str, Any]] = [
            {"factors": factors, "regularization": regularization, "alpha": alpha}
            for factors in FACTORS
            for regularization, alpha in STRENGTHS
        ]
        return [(each, partial(cls, dataset, part, **each)) for each in settings]

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """Products with the query's vector, float32 [block, catalogue_items]."""
        histories = met_before(self.dataset, queries, block, self.catalogue_items)
        with threadpool_limits(1, "blas"):
            vectors = self.model.recalculate_user(
                np.arange(histories.shape[0]), sparse.csr_matrix(histories)
            )
        scores = vectors @ self.model.item_factors.T
        scores += self.tie_breaker
        return scores


class ALSConfig(BaseBaselineConfig):
    """The baseline :class:`ALS`."""

    kind: Literal["als"] = "als"
    scorer: ClassVar = ALS


def _library() -> Any:
    """The module of ``implicit`` that runs on a CPU."""
    try:
        # In a function: it is needed rarely, and looks for a GPU on its way in.
        return require("implicit.cpu.als", extra="baselines", what="the baseline als")
    except ImportError as error:
        raise InputError(
            f"als cannot load the library `implicit` ({error}): take it out of "
            "`evaluation.baselines`, or install what is missing (libgomp.so.1 is in the system "
            "package libgomp1)"
        ) from error


def _require_memory(dataset: Dataset, part: Part, factors: int) -> None:
    items = dataset.manifest.known_items[part]
    vectors = 2 * 4 * factors * (dataset.users + items)  # twice while drawn
    events = dataset.part_range(part)[1] - dataset.user_offsets[:-1]
    # A float32 and an int32 each: as they are, by item, and weighted.
    require_memory("als", float(vectors) + 4 * 8 * float(events.sum()), items)
