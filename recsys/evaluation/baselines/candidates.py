"""The baselines by the one word that an experiment calls them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from recsys.config import Seen
from recsys.data.dataset import Dataset, Part
from recsys.evaluation.baselines.als import ALS
from recsys.evaluation.baselines.baseline import Baseline, Candidate
from recsys.evaluation.baselines.ease import EASE
from recsys.evaluation.baselines.item_knn import ItemKNN
from recsys.evaluation.baselines.markov import MarkovChain
from recsys.evaluation.baselines.popular import Popular
from recsys.evaluation.baselines.recent_popular import RecentPopular
from recsys.evaluation.ranking import Scorer

BaselineName = Literal["popular", "recent_popular", "item_knn", "ease", "als", "markov"]

_KINDS: dict[BaselineName, type[Baseline]] = {
    "popular": Popular,
    "recent_popular": RecentPopular,
    "item_knn": ItemKNN,
    "ease": EASE,
    "als": ALS,
    "markov": MarkovChain,
}


def check_baselines(names: Iterable[BaselineName], dataset: Dataset, part: Part) -> None:
    """Refuses baselines that could not be fitted, before any work.

    Args:
        names: of the baselines.
        dataset: the log.
        part: the last part to learn from.

    Raises:
        InputError: a baseline does not fit into memory, or cannot run here.
    """
    for name in names:
        _KINDS[name].check(dataset, part)


def candidates(name: BaselineName, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
    """The settings of a baseline worth trying, for the validation part to choose from.

    Args:
        name: which baseline.
        dataset: the log.
        part: the last part to learn from.
        seen: whether seen items may be recommended; decides if ``repeats`` is worth trying.

    Returns:
        The settings, as :func:`fit` takes them, each with a function that fits
        the scorer. None where the log does not hold what the baseline reads.
    """
    return _KINDS[name].candidates(dataset, part, seen)


def fit(name: BaselineName, dataset: Dataset, part: Part, settings: Mapping[str, Any]) -> Scorer:
    """Fits a baseline with given settings on the events up to and including ``part``."""
    kind: Callable[..., Scorer] = _KINDS[name]
    return kind(dataset, part, **settings)
