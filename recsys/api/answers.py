"""A published model's answers as DataFrames, and how they differ from what was asked."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recsys.api.ids import GivenHistories, category_of, first, number_of
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.export import blocks
from recsys.export.filters import Where
from recsys.export.inputs import HISTORY_TIME
from recsys.export.reasons import in_words, reasons_of_many
from recsys.export.recommend import Query, Recommender
from recsys.system.display import counted, printable

logger = logging.getLogger(__name__)

DEFAULT_K = 10
# Ids that a message names.
SHOWN = 20


@dataclass(frozen=True)
class Asked:
    """Queries, and what became of what a caller gave.

    Attributes:
        users: whose the queries are.
        queries: of each user.
        given: whom the caller asked about.
        places: the place of each query among them.
        attrs: what the caller should know, for ``DataFrame.attrs``.
    """

    users: list[Any]
    queries: list[Query]
    given: list[Any]
    places: list[int]
    attrs: dict[str, Any] = field(default_factory=dict)


def of_users(recommender: Recommender, dataset: Dataset, users: Sequence[str]) -> Asked:
    """The queries of users of the log; unknown ones are left out, and named in a warning.

    Args:
        recommender: the published model.
        dataset: the one that it was exported with.
        users: their ids.

    Raises:
        InputError: none of the users is known, or it is another dataset.
    """
    recommender.check_dataset(dataset)
    there = {user: dataset.stored_user_id(user) in dataset.user_places for user in users}
    places = [place for place, user in enumerate(users) if there[user]]
    unknown = [user for user, is_there in there.items() if not is_there]
    if not places:
        there_are = "is no user" if len(unknown) == 1 else "are no users"
        raise InputError(
            f"there {there_are} {named(unknown)} in the dataset {dataset.path}. "
            "Give the history itself: histories=[[ITEM, ITEM, …]]"
        )
    if unknown:
        logger.warning("left out, the log has no such users: %s", named(unknown))
    known = [users[place] for place in places]
    queries = [recommender.user_query(dataset, user) for user in known]
    return Asked(known, queries, list(users), places, {"unknown_users": unknown})


def of_histories(recommender: Recommender, given: GivenHistories) -> Asked:
    """The queries of histories; ids that the model does not know are named in a warning.

    Args:
        recommender: the published model.
        given: the histories.
    """
    unknown = warn_of_unknown(recommender, given.items)
    if unknown:
        strange = set(unknown)
        emptied = sum(bool(items) and strange.issuperset(items) for items in map(set, given.items))
        if emptied:
            logger.warning(
                "without these %s empty, and answered as an empty one is",
                "the history is"
                if len(given.items) == 1
                else counted(emptied, "history is", "histories are"),
            )
    warn_of_missing(recommender, given)
    places = list(range(len(given.items)))
    queries = queries_of(recommender, given)
    return Asked(given.users, queries, given.users, places, {"unknown_items": unknown})


def warn_of_unknown(recommender: Recommender, histories: Sequence[Sequence[str]]) -> list[str]:
    """The ids in histories that the model does not know, which a warning names.

    Args:
        recommender: the published model.
        histories: of ids.
    """
    unknown = blocks.unknown_items(recommender, histories)
    if unknown:
        logger.warning("ignored, the model does not know: %s", named(unknown))
    return unknown


def warn_of_missing(recommender: Recommender, given: GivenHistories) -> None:
    """Names, in warnings, what the model reads of events and histories do not say.

    Args:
        recommender: the published model.
        given: the histories.
    """
    if not any(map(len, given.items)):
        return
    if HISTORY_TIME in recommender.further_inputs and given.times is None:
        logger.warning(
            "the model reads times, and the histories have none: their events are taken to have "
            "been at once; give a frame with timestamps"
        )
    of_events = [name for name in recommender.event_inputs if name != HISTORY_TIME]
    if absent := [name for name in of_events if name not in given.features]:
        logger.warning(
            "the model reads %s of the events, and the histories do not say it: it counts as "
            "missing; give a frame with a row per event and the columns of the log",
            " and ".join(absent),
        )


def queries_of(recommender: Recommender, given: GivenHistories) -> list[Query]:
    """The query of each history.

    Args:
        recommender: the published model.
        given: the histories.

    Raises:
        InputError: a value of an event is not what the feature holds.
    """
    further: dict[str, list[np.ndarray]] = {}
    if HISTORY_TIME in recommender.further_inputs and given.times is not None:
        further[HISTORY_TIME] = given.times
    for name in recommender.event_inputs:
        if name != HISTORY_TIME and name in given.features:
            is_text = recommender.further_inputs[name]["dtype"] == "string"
            further[name] = [_event_values(row, name, is_text) for row in given.features[name]]
    return [
        Query(items, {name: values[place][np.newaxis] for name, values in further.items()})
        for place, items in enumerate(given.items)
    ]


def _event_values(values: Sequence[Any], name: str, is_text: bool) -> np.ndarray:
    """What was given of an event feature, as the model takes it.

    Raises:
        InputError: a value is not what the feature holds.
    """
    where = f"histories, {name}"
    if is_text:
        return np.array([category_of(value, where) for value in values], object)
    return np.array([number_of(value, where) for value in values], np.float32)


def recommend(
    recommender: Recommender,
    asked: Asked,
    k: int | None,
    exclude: Sequence[Sequence[str]] | None,
    why: bool,
    where: Where | None = None,
) -> pd.DataFrame:
    """Recommendations; see :meth:`recsys.Run.recommend`.

    Args:
        recommender: the published model.
        asked: whom for.
        k: how many for each; None: 10, or as many as the model returns.
        exclude: of everybody that the caller asked about, ids not to be recommended.
        why: with a column ``why``.
        where: what is allowed of the items' attributes; None: every item.
    """
    k = min(DEFAULT_K, recommender.manifest["model"]["k"]) if k is None else k
    left_out = None if exclude is None else [exclude[place] for place in asked.places]
    unknown = blocks.unknown_items(recommender, left_out or [])
    if unknown:
        logger.warning("excluded, but the model does not know them: %s", named(unknown))
    found = list(blocks.recommend_many(recommender, asked.queries, k, left_out, where))
    counts = [len(answer) for answer in found]
    frame = pd.DataFrame(
        {
            "user": pd.Series(np.repeat(np.array(asked.users, object), counts)).infer_objects(),
            "rank": np.concatenate([np.arange(1, count + 1) for count in counts]),
            "item": [row.item_id for answer in found for row in answer],
            "title": [row.title for answer in found for row in answer],
            "score": np.array([row.score for answer in found for row in answer], np.float32),
        }
    )
    if why:
        items = [[row.item_id for row in answer] for answer in found]
        frame["why"] = list(_reasons(recommender, asked, items))
    too_few = {user: count for user, count in zip(asked.users, counts, strict=True) if count < k}
    frame.attrs |= {**asked.attrs, "unknown_excluded": unknown, "too_few": too_few}
    if too_few:
        _say_too_few(recommender, asked, too_few, k, exclude is not None, bool(where))
    return frame


def embed(recommender: Recommender, asked: Asked) -> pd.DataFrame:
    """Vectors of queries; see :meth:`recsys.Run.embed_users`."""
    vectors = blocks.embed_many(recommender, asked.queries)
    frame = pd.DataFrame(vectors, index=pd.Index(asked.users, name="user"))
    frame.attrs |= asked.attrs
    return frame


def embed_items(recommender: Recommender, ids: Sequence[str]) -> pd.DataFrame:
    """Vectors of items; see :meth:`recsys.Run.embed_items`.

    Raises:
        InputError: there are no ids.
    """
    if not ids:
        raise InputError("items is empty: give at least one id")
    vectors = blocks.embed_many_items(recommender, ids)
    unknown = [item for item, vector in zip(ids, vectors, strict=True) if not vector.any()]
    if unknown:
        logger.warning("the model does not know these items: %s", named(unknown))
    frame = pd.DataFrame(vectors, index=pd.Index(ids, name="item"))
    frame.attrs["unknown_items"] = unknown
    return frame


def _reasons(
    recommender: Recommender, asked: Asked, items: Sequence[Sequence[str]]
) -> Iterator[str]:
    pairs = zip(asked.queries, items, strict=True)
    for found in reasons_of_many(recommender, pairs):
        yield from map(in_words, found)


def _say_too_few(
    recommender: Recommender,
    asked: Asked,
    too_few: dict[Any, int],
    k: int,
    excluded: bool,
    filtered: bool,
) -> None:
    if len(asked.users) == 1 and not excluded:
        (count,) = too_few.values()
        logger.warning("%s", recommender.why_so_few(asked.queries[0], count, k, filtered))
        return
    # A number is the place of a history in the list that was given.
    names = [str(user) if isinstance(user, int) else named([user]) for user in too_few]
    counts = too_few.values()
    shown = first([f"{name} ({n})" for name, n in zip(names, counts, strict=True)], SHOWN)
    logger.warning(
        "%d of %d got fewer than %d items, as %s, less what they had and what is excluded, has no "
        "more: %s",
        len(too_few), len(asked.users), k,
        "what `where` allows" if filtered else "the catalogue", shown,
    )  # fmt: skip


def named(ids: Sequence[str]) -> str:
    """The first of some ids, for a message."""
    # In quotes: an id may be empty, or hold commas.
    return first([repr(printable(each)) for each in ids], SHOWN)
