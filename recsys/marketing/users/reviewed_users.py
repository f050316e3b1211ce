"""What reviews add to what is known of users: their mood, and the quality of what they chose."""

from pathlib import Path

import ibis
import pandas as pd

from recsys.errors import InputError
from recsys.marketing.sentiment.features import mood_before, quality_before
from recsys.marketing.sentiment.reviews import SCORED
from recsys.marketing.users.events import Events
from recsys.runs.opening import open_run


class ReviewedUsers:
    """Users by the reviews of a run of ``task: sentiment``.

    Only reviews before a cutoff are read. Their scores come from models that did not see their
    stars, but may have seen other, later reviews'; see
    :func:`recsys.marketing.sentiment.model_selection.select_sentiment_model`.

    Args:
        run: its folder.
        events: the log; its ids are the reviews'.

    Raises:
        InputError: there is no such run, or no id is common.
    """

    def __init__(self, run: Path, events: Events) -> None:
        folder = open_run(run)
        path = folder.path / SCORED
        if not path.is_file():
            raise InputError(
                f"{run} has no {SCORED}: it is not a finished run of `task: sentiment`"
            )
        stored = events.dataset.stored_user_id
        self._scored = folder.table(path)
        # Reviews may have the log's ids where the dataset has pseudonyms.
        self._scored["user"] = self._scored["user"].map(stored)
        self._events = events
        self._items = pd.Index(events.dataset.item_ids)
        if not self._scored["user"].isin(events.user_ids).any():
            raise InputError(
                f"no user of the reviews of {run} is in the log: their ids are of another kind "
                f"(reviews: {self._scored['user'].iloc[0]!r}, log: {events.user_ids[0]!r})"
            )

    def at(self, cutoff: int) -> pd.DataFrame:
        """``reviews``, ``mood``, ``mood_trend`` and ``quality_of_items``, by ``user``.

        Missing of users who wrote nothing, and of those whose items nobody reviewed; a log without
        items has no ``quality_of_items``.
        """
        moods = mood_before(self._scored, cutoff)[["reviews", "mood", "mood_trend"]]
        moods = moods[moods.index.isin(self._events.user_ids)]
        moods.index = self._events.user_ids.get_indexer(moods.index)
        moods = moods.rename_axis("user")
        if not self._events.dataset.manifest.has_items:
            return moods
        return moods.join(self._quality(cutoff), how="outer")

    def _quality(self, cutoff: int) -> pd.DataFrame:
        """The mean quality of what each user chose before a cutoff."""
        found = quality_before(self._scored, cutoff)["quality"]
        found = found[found.index.isin(self._items)]
        known = pd.DataFrame(
            {"item": self._items.get_indexer(found.index), "quality": found.to_numpy()}
        )
        past = self._events.table.filter(self._events.table.time < cutoff)
        rated = past.join(ibis.memtable(known), "item")
        means = rated.group_by("user").aggregate(quality_of_items=rated.quality.mean())
        return self._events.con.to_pandas(means).set_index("user")
