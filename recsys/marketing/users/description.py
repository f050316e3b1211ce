"""Everything that is known of users as of a cutoff."""

from collections.abc import Callable, Sequence

import pandas as pd
from pydantic import Field

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.marketing.users.behaviour import BehaviourConfig, behaviour
from recsys.marketing.users.embedding import EmbeddingConfig
from recsys.marketing.users.events import Events
from recsys.marketing.users.segments import Thresholds, segments

SEGMENT = "segment"


class FeaturesConfig(StrictConfig):
    """What predictions are made from."""

    behaviour: BehaviourConfig = BehaviourConfig()
    user_table: list[str] = Field(
        [],
        description="user features of the log (data.users.features): categories, numbers. They "
        "are taken as known at every cutoff",
    )
    embedding: EmbeddingConfig | None = Field(
        None, description="what a trained recommender's query tower makes of the history"
    )
    sentiment: str | None = Field(
        None,
        description="folder of a run of `task: sentiment` on reviews with the log's ids: moods of "
        "users, and how good what they chose is found",
    )


class Description:
    """Describes users as of any cutoff, reading nothing that happened later.

    Args:
        events: what happened.
        config: which features.
        thresholds: of the segments, learned before the first cutoff; None: no segments.
        sources: of further numbers: a row per user, by ``user``, as of a cutoff.

    Raises:
        InputError: the user table has no such feature.
    """

    def __init__(
        self,
        events: Events,
        config: FeaturesConfig,
        thresholds: Thresholds | None = None,
        sources: Sequence[Callable[[int], pd.DataFrame]] = (),
    ) -> None:
        self.events = events
        self._config = config
        self._thresholds = thresholds
        self._sources = sources
        unknown = [name for name in config.user_table if name not in events.users.columns]
        if unknown:
            raise InputError(
                f"propensity.features.user_table names {', '.join(unknown)}; the user table has "
                f"{', '.join(events.users.columns) or 'no'} categories or numbers. Name them in "
                "data.users.features."
            )
        self._found: dict[int, pd.DataFrame] = {}

    def at(self, cutoff: int) -> pd.DataFrame:
        """A row per user who did something before a cutoff, by ``user``, the dataset's index.

        The columns are those of :func:`~recsys.marketing.users.behaviour.behaviour`, the segment,
        and what else the config names.

        Args:
            cutoff: microseconds since 1970 UTC.
        """
        if cutoff not in self._found:
            self._found[cutoff] = self._describe(cutoff)
        return self._found[cutoff]

    def _describe(self, cutoff: int) -> pd.DataFrame:
        found = behaviour(self.events, cutoff, self._config.behaviour)
        if self._thresholds is not None:
            found[SEGMENT] = segments(found, self._thresholds).astype(str)
        if self._config.user_table:
            self._refuse_taken(found)
            found = found.join(self.events.users[self._config.user_table])
        for source in self._sources:
            found = found.join(source(cutoff))
        numbers = found.select_dtypes("number").columns
        return found.astype({name: float for name in numbers})

    def _refuse_taken(self, found: pd.DataFrame) -> None:
        taken = [name for name in self._config.user_table if name in found.columns]
        if taken:
            raise InputError(
                f"the user table's {taken[0]!r} has the name of a number that is known of every "
                f"user. Give it another name in data.users.features and set `column: {taken[0]}`."
            )
