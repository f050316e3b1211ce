"""Many queries, asked of a SavedModel in blocks: one call of the model answers hundreds.

What a block takes is bounded, whatever the number of queries: the padded histories, and the scores
of all items for each of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np

from recsys.export.filters import Where
from recsys.export.inputs import EXCLUDE, ITEM_ID, id_matrix
from recsys.export.recommend import (
    EXCLUDING,
    FILTERED,
    SIGNATURE,
    Query,
    Recommendation,
    Recommender,
    as_logged,
)

QUERIES = 1024
# Scores that one call computes at most: 256 MB.
SCORES = 2**26
# Events, padding included, that one call reads at most.
EVENTS = 2**18
ITEMS = 2**16

Asked = TypeVar("Asked")


def recommend_many(
    recommender: Recommender,
    queries: Iterable[Query],
    k: int,
    exclude: Sequence[Sequence[str]] | None = None,
    where: Where | None = None,
) -> Iterator[list[Recommendation]]:
    """Answers of at most ``k`` items to each query, best first, in the order of the queries.

    Args:
        recommender: the published model.
        queries: are read as they are needed.
        k: how many items are asked for.
        exclude: of each query, ids that are not to be recommended; None: nothing beyond what the
            model leaves out by itself.
        where: what is allowed of attributes of the items (:meth:`Recommender.recommend`); None:
            every item.

    Raises:
        InputError: more items are asked for than the model returns, or a query or ``where`` does
            not suit it.
    """
    recommender.check_k(k)
    filters = recommender.filters.inputs(where) if where else {}
    left_out = iter(exclude) if exclude is not None else None
    for block in in_blocks(recommender, queries, _events):
        inputs = recommender.stacked_inputs(block)
        signature = SIGNATURE
        if left_out is not None:
            signature = EXCLUDING
            rows = [as_logged(ids) for ids in islice(left_out, len(block))]
            inputs[EXCLUDE] = id_matrix(rows)
        if filters:
            signature = FILTERED
            inputs.setdefault(EXCLUDE, id_matrix([()] * len(block)))
            inputs |= {n: np.repeat(value, len(block), axis=0) for n, value in filters.items()}
        answer = recommender.call(signature, inputs)
        for ids, scores in zip(answer[ITEM_ID][:, :k], answer["score"][:, :k], strict=True):
            yield recommender.named(ids, scores)


def embed_many(recommender: Recommender, queries: Iterable[Query]) -> np.ndarray:
    """Vectors of queries, float32 [queries, dim].

    Raises:
        InputError: a query does not suit the model.
    """
    found = [
        recommender.embed_query(recommender.stacked_inputs(block))
        for block in in_blocks(recommender, queries, _events)
    ]
    return np.concatenate(found) if found else _nothing(recommender)


def embed_many_items(recommender: Recommender, ids: Sequence[str]) -> np.ndarray:
    """Vectors of items, float32 [items, dim]; of unknown ones zeros."""
    found = [
        recommender.embed_items(ids[begin : begin + ITEMS]) for begin in range(0, len(ids), ITEMS)
    ]
    return np.concatenate(found) if found else _nothing(recommender)


def unknown_items(recommender: Recommender, histories: Iterable[Sequence[str]]) -> list[str]:
    """The ids in histories that the model does not know and therefore ignores, each once."""
    ids = list(dict.fromkeys(item for history in histories for item in as_logged(history)))
    vectors = embed_many_items(recommender, ids)
    # An unknown item's vector is zeros, by contract.
    return [item for item, vector in zip(ids, vectors, strict=True) if not vector.any()]


def in_blocks(
    recommender: Recommender, queries: Iterable[Asked], events: Callable[[Asked], int]
) -> Iterator[list[Asked]]:
    """As many queries at a time as one call may answer.

    Args:
        recommender: the published model.
        queries: are read as they are needed.
        events: how many the history of one has.
    """
    most = min(QUERIES, max(1, SCORES // recommender.manifest["model"]["catalogue_items"]))
    block: list[Asked] = []
    widest = 1
    for query in queries:
        wider = max(widest, events(query))
        if block and (len(block) == most or wider * (len(block) + 1) > EVENTS):
            yield block
            block, wider = [], max(1, events(query))
        block.append(query)
        widest = wider
    if block:
        yield block


def _events(query: Query) -> int:
    return len(query.history)


def _nothing(recommender: Recommender) -> np.ndarray:
    return np.empty((0, recommender.manifest["model"]["dim"]), np.float32)
