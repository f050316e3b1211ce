"""The baselines by the one word that an experiment calls them."""

from collections.abc import Iterable
from typing import Annotated

from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.evaluation.baselines.als import ALSConfig
from recsys.evaluation.baselines.baseline import BaselineConfig
from recsys.evaluation.baselines.ease import EASEConfig
from recsys.evaluation.baselines.item_knn import ItemKNNConfig
from recsys.evaluation.baselines.markov import MarkovChainConfig
from recsys.evaluation.baselines.popular import PopularConfig
from recsys.evaluation.baselines.recent_popular import RecentPopularConfig
from recsys.system.kinds import Kinds

# A new baseline is one file in this folder and one entry here (see CONTRIBUTING.md).
BASELINES = Kinds(
    "baseline",
    "recsys.baselines",
    BaselineConfig,
    (
        PopularConfig,
        RecentPopularConfig,
        ItemKNNConfig,
        EASEConfig,
        ALSConfig,
        MarkovChainConfig,
    ),
    short=True,
)
AnyBaseline = Annotated[BaselineConfig, BASELINES]


def check_baselines(baselines: Iterable[BaselineConfig], dataset: Dataset, part: Part) -> None:
    """Refuses baselines that could not be fitted, before any work.

    Args:
        baselines: of an experiment.
        dataset: the log.
        part: the last part to learn from.

    Raises:
        InputError: a baseline does not fit into memory, or cannot run here.
    """
    for baseline in baselines:
        baseline.check(dataset, part)
