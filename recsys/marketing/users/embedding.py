"""Principal components of a recommender's user vectors, as features of a cutoff."""

import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt
from sklearn.decomposition import PCA

from recsys.config import StrictConfig
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.marketing.users.vectors import UserVectors, minute


class EmbeddingConfig(StrictConfig):
    """Which recommender describes users."""

    run: str = Field(description="folder of its run, with an exported model")
    components: PositiveInt = Field(
        8, description="principal components of the embedding that are features"
    )


class UserEmbedding:
    """Describes users by the principal components of their vectors before a cutoff.

    Args:
        config: the model.
        dataset: whose events are the histories.
        first_cutoff: of all that are asked about, in microseconds since 1970 UTC; its users
            choose the principal components.

    Raises:
        InputError: there is no such model, it has read events of a later time than the first
            cutoff, or it is too old for the log.
    """

    def __init__(self, config: EmbeddingConfig, dataset: Dataset, first_cutoff: int) -> None:
        self._vectors = UserVectors(config.run, dataset)
        _refuse_foresight(self._vectors, first_cutoff)
        embedded = self._vectors.at(first_cutoff).vectors
        components = min(config.components, *embedded.shape)
        self._reduction = PCA(components, random_state=0).fit(embedded)

    def at(self, cutoff: int) -> pd.DataFrame:
        """``embedding_1`` and so on of every user who did something before a cutoff, by ``user``.

        Raises:
            InputError: the model knows too little of what users lately chose.
        """
        embedded = self._vectors.at(cutoff)
        reduced = self._reduction.transform(embedded.vectors)
        names = [f"embedding_{place}" for place in range(1, reduced.shape[1] + 1)]
        return pd.DataFrame(reduced, columns=names, index=pd.Index(embedded.users, name="user"))


def _refuse_foresight(vectors: UserVectors, cutoff: int) -> None:
    """A model that was fitted on what came after a cutoff describes users with it."""
    dataset = vectors.folder.dataset()
    if not dataset.manifest.has_time:
        raise InputError(
            f"the log of {vectors.folder.path} has no times, so it cannot be told whether its "
            f"model has read what came after {minute(cutoff)}, as of which users are described. "
            "Train one on a log with data.log.columns.time and data.split.kind=time."
        )
    fitted = dataset.fitted_events(vectors.recommender.manifest["data"]["fitted_part"])
    latest = int(np.asarray(dataset.event_times)[fitted].max())
    if latest >= cutoff:
        raise InputError(
            f"the model of {vectors.folder.path} has read events until {minute(latest)}, and users "
            f"are described as of {minute(cutoff)}, when these were yet to come. Train one with "
            f"data.split.kind=time data.split.validation_from={minute(cutoff)[:10]} (and a later "
            "test_from)."
        )
