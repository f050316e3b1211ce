"""What each user is offered: the best of what is in stock, by the published recommender."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from recsys.config import Seen, StrictConfig
from recsys.errors import InputError
from recsys.export.reasons import reasons_of_many
from recsys.export.recommend import Query, Recommender
from recsys.marketing.audiences.query import rows_where
from recsys.marketing.feature_table import feature_table
from recsys.run_folder import RunFolder

# Scores that are in memory at a time.
SCORES = 2**25
MOST_USERS = 512


class OfferConfig(StrictConfig):
    """What is offered."""

    items: PositiveInt = Field(3, description="at most, to each user")
    least: PositiveInt = Field(1, description="items without which a user is not addressed")
    where: str | None = Field(
        None,
        description="condition on items, in SQL: `item` (the id), `title`, and the features that "
        "the recommender's data.items names",
    )
    seen: Seen | None = Field(
        None, description="may items of the user's history be offered? As the recommender says"
    )

    @model_validator(mode="after")
    def _can_be_had(self) -> "OfferConfig":
        if self.least > self.items:
            raise ValueError(
                f"`least` ({self.least}) is more than `items` ({self.items}), so that nobody would "
                "be offered anything"
            )
        return self


@dataclass(frozen=True)
class Offer:
    """What a user is offered, best first.

    Attributes:
        items: ids.
        titles: of the items; the id where an item has none.
        because: title of the item in the user's history that speaks most for the first of them,
            "" if none does by itself.
        again: whether the user has chosen the first of them before.
    """

    items: tuple[str, ...]
    titles: tuple[str, ...]
    because: str
    again: bool


class Offers:
    """The published recommender, asked for users of its log.

    Scores are those that the artefact serves: the products of its two embeddings.

    Args:
        run: folder of the recommender's run.
    """

    def __init__(self, run: str | Path) -> None:
        folder = RunFolder.open(Path(run))
        self.recommender = Recommender(folder.model_version())
        self.dataset = folder.dataset()
        self._users = set(self.dataset.user_ids)
        self._ids = np.array(self.dataset.item_ids, dtype=object)
        self._vectors_ID = self.recommender.embed_items(self.dataset.item_ids)
        self._items = {item: place for place, item in enumerate(self.dataset.item_ids)}

    def titled(self) -> bool:
        """Whether items have titles."""
        return bool(self.recommender.titles)

    def choice(self, config: OfferConfig, stock: np.ndarray, origin: str) -> np.ndarray:
        """int [items]: indices of the items that may be offered.

        Args:
            config: the rule.
            stock: bool [items], of :func:`recsys.marketing.campaigns.stock.in_stock`.
            origin: where the rule stands, for messages.

        Raises:
            InputError: the condition is none, or no item is left.
        """
        # Items that the model does not know have a vector of zeros, by contract.
        allowed = stock & self._vectors_ID.any(axis=1)
        allowed &= self.dataset.recommendable(self.recommender.manifest["data"]["fitted_part"])
        if config.where is not None:
            table = feature_table(self.dataset, "item")
            table.insert(0, "item", self.dataset.item_ids)
            if "title" not in table:
                table.insert(1, "title", self.dataset.item_titles)
            allowed &= rows_where(table, config.where, f"{origin}: offer.where").to_numpy()
        if not allowed.any():
            raise InputError(
                f"{origin}: no item that the recommender recommends is in stock and fits its "
                "offer; "
                "see offer.where and stock"
            )
        return np.flatnonzero(allowed)

    def of(
        self, users: Sequence[str], config: OfferConfig, choice: np.ndarray
    ) -> Iterator[tuple[str, Offer | None]]:
        """Each user's offer, in the order of the users; None where there is too little to offer.

        Args:
            users: ids as in the log.
            config: the rule.
            choice: of :meth:`choice`.
        """
        seen = config.seen or self.recommender.manifest["model"]["seen"]
        rows = max(1, min(MOST_USERS, SCORES // len(choice)))
        for begin in range(0, len(users), rows):
            some = [user for user in users[begin : begin + rows] if user in self._users]
            queries = [self.recommender.user_query(self.dataset, user) for user in some]
            found = self._best(queries, choice, config.items, seen) if some else []
            enough = [len(items) >= config.least for items in found]
            asked = [
                (query, items[:1])
                for query, items, offered in zip(queries, found, enough, strict=True)
                if offered
            ]
            reasons = reasons_of_many(self.recommender, asked)
            offers: dict[str, Offer] = {}
            for user, query, items, offered in zip(some, queries, found, enough, strict=True):
                if offered:
                    (first,) = next(reasons)
                    because = [reason.title for reason in first if reason.kind == "history"]
                    offers[user] = self._offer(items, query, because[0] if because else "")
            for user in users[begin : begin + rows]:
                yield user, offers.get(user)

    def _offer(self, items: Sequence[str], query: Query, because: str) -> Offer:
        titles = tuple(self.recommender.titles.get(item, item) for item in items)
        return Offer(tuple(items), titles, because, items[0] in set(query.history))

    def _best(
        self, queries: Sequence[Query], choice: np.ndarray, most: int, seen: Seen
    ) -> list[list[str]]:
        queries_UD = self.recommender.embed_query(self.recommender.stacked_inputs(queries))
        scores_UC = queries_UD @ self._vectors_ID[choice].T
        if seen == "exclude":
            places = {int(item): place for place, item in enumerate(choice)}
            for row, query in enumerate(queries):
                chosen = {places.get(self._items[item]) for item in query.history} - {None}
                scores_UC[row, list(chosen)] = -np.inf
        most = min(most, len(choice))
        best_UK = np.argpartition(-scores_UC, most - 1, axis=1)[:, :most]
        order = np.argsort(-np.take_along_axis(scores_UC, best_UK, axis=1), axis=1, kind="stable")
        best_UK = np.take_along_axis(best_UK, order, axis=1)
        kept_UK = np.take_along_axis(scores_UC, best_UK, axis=1) > -np.inf
        return [
            self._ids[choice[best[kept]]].tolist()
            for best, kept in zip(best_UK, kept_UK, strict=True)
        ]


Offered = Mapping[str, Offer]
