"""What each user is offered: the best of what is in stock, by the published recommender."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from recsys.config import Seen, StrictConfig
from recsys.errors import InputError
from recsys.export.reasons import reasons_of_many
from recsys.export.recommend import Query, Recommender
from recsys.marketing.audiences.query import rows_where
from recsys.marketing.users.feature_table import feature_table
from recsys.runs.opening import open_run
from recsys.system.backend import start_backend

# Scores that are in memory at a time.
SCORES = 2**25
MOST_USERS = 512


class OfferConfig(StrictConfig):
    """What is offered.

    An item goes to so many users as its pieces in stock allow
    (:class:`recsys.marketing.campaigns.stock.StockConfig`); users who come after them are offered
    the next best.
    """

    items: PositiveInt = Field(3, description="at most, to each user")
    least: PositiveInt = Field(1, description="items without which a user is not addressed")
    where: str | None = Field(
        None,
        description="condition on items, in SQL: `item` (the id), `title`, and the features that "
        "the recommender's data.items names",
    )
    seen: Seen | None = Field(
        None,
        description="may items of the user's history be offered? By default as the recommender "
        "does",
    )

    @model_validator(mode="after")
    def _can_be_had(self) -> "OfferConfig":
        if self.least > self.items:
            raise ValueError(
                f"`least` ({self.least}) is more than `items` ({self.items}), so that no user "
                "would be offered anything"
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
        folder = open_run(Path(run))
        self.recommender = Recommender(folder.model_version())
        self.dataset = folder.dataset()
        self._users = set(self.dataset.user_ids)
        self._ids = np.array(self.dataset.item_ids, dtype=object)
        self._items = {item: place for place, item in enumerate(self.dataset.item_ids)}

    @cached_property
    def _vectors_ID(self) -> np.ndarray:
        start_backend()
        return self.recommender.embed_items(self.dataset.item_ids)

    def titled(self) -> bool:
        """Whether items have titles."""
        return bool(self.recommender.titles)

    def allowed(self, config: OfferConfig, stock: np.ndarray, origin: str) -> np.ndarray:
        """bool [items]: what may be offered, if the model knows it; the model is not asked.

        Args:
            config: the rule.
            stock: bool [items], what is in stock.
            origin: where the rule stands, for messages.

        Raises:
            InputError: the condition is none, or no item is left.
        """
        fitted_part = self.recommender.manifest["data"]["fitted_part"]
        allowed = stock & self.dataset.recommendable(fitted_part)
        if config.where is not None:
            table = feature_table(self.dataset, "item")
            table.insert(0, "item", self.dataset.item_ids)
            if "title" not in table:
                table.insert(1, "title", self.dataset.item_titles)
            allowed &= rows_where(table, config.where, f"{origin}: offer.where").to_numpy()
        return _some(allowed, origin)

    def choice(self, config: OfferConfig, stock: np.ndarray, origin: str) -> np.ndarray:
        """int [items]: indices of the items that may be offered; see :meth:`allowed`."""
        # Items that the model does not know have a vector of zeros, by contract.
        known = self._vectors_ID.any(axis=1)
        return np.flatnonzero(_some(self.allowed(config, stock, origin) & known, origin))

    def of(
        self, users: Sequence[str], config: OfferConfig, choice: np.ndarray, left: np.ndarray
    ) -> Iterator[tuple[str, Offer | None]]:
        """Each user's offer, in the order of the users; None where there is too little to offer.

        Users come first who are named first: what they are offered is taken from what is left,
        and those after them get the best of the rest.

        Args:
            users: ids as in the log.
            config: the rule.
            choice: of :meth:`choice`.
            left: float [items], to how many users each item can still be offered; changed.
        """
        seen = config.seen or self.recommender.manifest["model"]["seen"]
        rows = max(1, min(MOST_USERS, SCORES // len(choice)))
        for begin in range(0, len(users), rows):
            some = [user for user in users[begin : begin + rows] if user in self._users]
            queries = [self.recommender.user_query(self.dataset, user) for user in some]
            there = choice[left[choice] >= 1]
            found: list[list[str]] = [[] for _ in some]
            if some and len(there):
                scores_UC = self._scores(queries, there, seen)
                found = [
                    self._ids[items].tolist() for items in take(scores_UC, there, config, left)
                ]
            asked = [
                (query, items[:1]) for query, items in zip(queries, found, strict=True) if items
            ]
            reasons = reasons_of_many(self.recommender, asked)
            offers: dict[str, Offer] = {}
            for user, query, items in zip(some, queries, found, strict=True):
                if items:
                    (first,) = next(reasons)
                    because = [reason.title for reason in first if reason.kind == "history"]
                    offers[user] = self._offer(items, query, because[0] if because else "")
            for user in users[begin : begin + rows]:
                yield user, offers.get(user)

    def _offer(self, items: Sequence[str], query: Query, because: str) -> Offer:
        titles = tuple(self.recommender.titles.get(item, item) for item in items)
        return Offer(tuple(items), titles, because, items[0] in set(query.history))

    def _scores(self, queries: Sequence[Query], choice: np.ndarray, seen: Seen) -> np.ndarray:
        """float [queries, choice]: -inf of what must not be offered."""
        queries_UD = self.recommender.embed_query(self.recommender.stacked_inputs(queries))
        scores_UC = queries_UD @ self._vectors_ID[choice].T
        if seen == "exclude":
            places = {int(item): place for place, item in enumerate(choice)}
            for row, query in enumerate(queries):
                chosen = {places.get(self._items[item]) for item in query.history} - {None}
                scores_UC[row, list(chosen)] = -np.inf
        return scores_UC


def _some(allowed: np.ndarray, origin: str) -> np.ndarray:
    if not allowed.any():
        raise InputError(
            f"{origin}: no item that the recommender recommends is in stock and fits its offer; "
            "see offer.where and stock"
        )
    return allowed


def take(
    scores_UC: np.ndarray, choice: np.ndarray, config: OfferConfig, left: np.ndarray
) -> list[np.ndarray]:
    """What each user is offered of what those before left: their best items, best first.

    Args:
        scores_UC: float [users, choice], -inf of what must not be offered; changed.
        choice: int [choice], indices of items.
        config: how many items, and at least how many; a user who would get fewer takes none.
        left: float [items], to how many users each item can still be offered; changed.

    Returns:
        Indices of items, empty for users for whom there is too little.
    """
    found = []
    for best, scores_C in zip(_best(scores_UC, config.items), scores_UC, strict=True):
        if (left[choice[best]] < 1).any():  # somebody before took the last one
            scores_C[left[choice] < 1] = -np.inf
            (best,) = _best(scores_C[None], config.items)
        items = choice[best] if len(best) >= config.least else choice[:0]
        left[items] -= 1
        found.append(items)
    return found


def _best(scores_UC: np.ndarray, most: int) -> list[np.ndarray]:
    """Of each user the places of the highest scores, best first, without those of -inf."""
    most = min(most, scores_UC.shape[1])
    best_UK = np.argpartition(-scores_UC, most - 1, axis=1)[:, :most]
    order = np.argsort(-np.take_along_axis(scores_UC, best_UK, axis=1), axis=1, kind="stable")
    best_UK = np.take_along_axis(best_UK, order, axis=1)
    kept_UK = np.take_along_axis(scores_UC, best_UK, axis=1) > -np.inf
    return [best[kept] for best, kept in zip(best_UK, kept_UK, strict=True)]


Offered = Mapping[str, Offer]
