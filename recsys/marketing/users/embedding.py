"""The user tower's embedding as of a moment: what a recommender makes of a user's history."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt
from sklearn.decomposition import PCA

from recsys.config import StrictConfig
from recsys.data.dataset import Dataset, ranges
from recsys.data.histories import whole_seconds
from recsys.errors import InputError
from recsys.export.inputs import HISTORY, HISTORY_TIME
from recsys.export.recommend import Recommender
from recsys.run_folder import RunFolder

# Events, padding included, that one call of the model reads.
EVENTS_PER_CALL = 2**16
# A model that knows a smaller share of what users lately chose is too old to describe them.
LEAST_KNOWN = 0.5


class EmbeddingConfig(StrictConfig):
    """Which recommender describes users."""

    run: str = Field(description="folder of its run, with an exported model")
    components: PositiveInt = Field(
        8, description="principal components of the embedding that are features"
    )


class UserEmbedding:
    """Embeds users' histories before a moment with a published model.

    Of the model's further inputs only the times of events are given; the others are missing.

    Args:
        config: the model.
        dataset: whose events are the histories.
        first_moment: of all that are asked about, in microseconds since 1970 UTC; its users
            choose the principal components.

    Raises:
        InputError: there is no such model, it has read events of a later time than the first
            moment, or it is too old for the log.
    """

    def __init__(self, config: EmbeddingConfig, dataset: Dataset, first_moment: int) -> None:
        folder = RunFolder.open(Path(config.run))
        self._recommender = Recommender(folder.model_version())
        _refuse_foresight(folder, self._recommender, first_moment)
        self._dataset = dataset
        self._run = config.run
        self._ids = np.array(dataset.item_ids, dtype=object)
        vectors = self._recommender.embed_items(dataset.item_ids)
        self._known = vectors.any(axis=1)
        self._window = self._recommender.manifest["model"]["max_events"]
        embedded = self._embed(first_moment)
        components = min(config.components, *embedded.shape)
        self._reduction = PCA(components, random_state=0).fit(embedded)

    def at(self, moment: int) -> pd.DataFrame:
        """``embedding_1`` and so on of every user who did something before a moment, by ``user``.

        Raises:
            InputError: the model knows too little of what users lately chose.
        """
        reduced = self._reduction.transform(self._embed(moment))
        names = [f"embedding_{place}" for place in range(1, reduced.shape[1] + 1)]
        counts = self._events_before(moment)
        users = pd.Index(np.flatnonzero(counts), name="user")
        return pd.DataFrame(reduced, columns=names, index=users)

    def _events_before(self, moment: int) -> np.ndarray:
        """int64 [users]: how many events each has before a moment; they are their first."""
        earlier = np.append(0, np.cumsum(np.asarray(self._dataset.event_times) < moment))
        offsets = self._dataset.user_offsets
        return earlier[offsets[1:]] - earlier[offsets[:-1]]

    def _embed(self, moment: int) -> np.ndarray:
        counts = self._events_before(moment)
        users = np.flatnonzero(counts)
        ends = self._dataset.user_offsets[users] + counts[users]
        read = np.minimum(counts[users], self._window)
        events = ranges(ends - read, ends)
        known = np.take(self._known, self._dataset.event_items[events]).mean()
        if known < LEAST_KNOWN:
            raise InputError(
                f"the model of {self._run} knows {known:.0%} of what users chose before "
                f"{_date(moment)}: it is older than the data. Train it on a later log, or on one "
                "with the same item ids."
            )
        rows = max(1, EVENTS_PER_CALL // self._window)
        bounds = np.append(0, np.cumsum(read))
        parts = []
        for begin in range(0, len(users), rows):
            end = min(begin + rows, len(users))
            part = events[bounds[begin] : bounds[end]]
            parts.append(self._recommender.embed_query(self._inputs(part, read[begin:end])))
        return np.concatenate(parts)

    def _inputs(self, events: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
        """Histories of some users, padded on the right to the model's window."""
        places: np.ndarray = np.arange(self._window)[None, :] < lengths[:, None]
        missing = self._recommender.missing_values(self._window)
        inputs = {
            name: np.repeat(value, len(lengths), axis=0)
            for name, value in missing.items()
            if name != HISTORY_TIME
        }
        history = np.full(places.shape, "", dtype=object)
        history[places] = self._ids[self._dataset.event_items[events]]
        if HISTORY_TIME in missing:
            times = np.zeros(places.shape, dtype=np.int64)
            times[places] = whole_seconds(np.asarray(self._dataset.event_times[events]))
            inputs[HISTORY_TIME] = times
        return {HISTORY: history, **inputs}


def _refuse_foresight(folder: RunFolder, recommender: Recommender, moment: int) -> None:
    """A model that was fitted on what came after a moment describes users with it."""
    dataset = folder.dataset()
    fitted = dataset.fitted_events(recommender.manifest["data"]["fitted_part"])
    latest = int(np.asarray(dataset.event_times)[fitted].max())
    if latest >= moment:
        raise InputError(
            f"the model of {folder.path} has read events until {_date(latest)}, and users are "
            f"described as of {_date(moment)}, when nobody knew these. Train one with "
            f"data.split.kind=time data.split.validation_from={_date(moment)[:10]} (and a later "
            "test_from)."
        )


def _date(moment: int) -> str:
    return pd.Timestamp(moment, unit="us").isoformat(sep=" ", timespec="minutes")
