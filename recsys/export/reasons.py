"""Why an item was recommended: what its score loses when something is missing from the query.

The method is occlusion, which is leaving one out (Zeiler and Fergus, "Visualizing and
Understanding Convolutional Networks", 2014, section 4.2; for sequences Li, Monroe and
Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016). It asks the
published SavedModel alone, whatever its encoder, and its figures are differences of the very
scores that the model serves, so that they can be checked by asking again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from recsys.data.sources.text import normal_id
from recsys.export.inputs import HISTORY, padding, stack_rows
from recsys.export.recommend import Query, Recommender

Inputs = Mapping[str, np.ndarray]
# Events, padding included, that one call of the model reads: what bounds the memory.
EVENTS_PER_CALL = 2**16
# Of the product of two vectors' lengths: a smaller difference of scores is float32's rounding.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Reason:
    """Something in a query that raises an item's score.

    Attributes:
        kind: ``history``, an item in it; ``feature``, a further input of the model.
        name: id of the item, or name of the input.
        title: of the item; of an input its name and value.
        contribution: what the score loses without it, above 0.
    """

    kind: Literal["history", "feature"]
    name: str
    title: str
    contribution: float

    def __str__(self) -> str:
        return f"{self.title} ({_signed(self.contribution)})"


def _signed(value: float) -> str:
    """With its sign and two decimals; a smaller one with its first digit, never as ``+0.00``."""
    return f"{value:+.2f}" if abs(value) >= 0.01 else f"{value:+.1g}"


def reasons(
    recommender: Recommender, query: Query, items: Sequence[str], most: int = 3
) -> list[list[Reason]]:
    """The reasons for each of some items, the strongest first.

    An item leaves the history with all its events and what is said of them; any other input is
    replaced by its missing value. Each is left out alone, so of two things that mean the same
    neither may be a reason. Of a history longer than the model reads, an older event moves into
    the place that becomes free, as it would if the model were asked without the item.

    Args:
        recommender: the published model.
        query: the history and the further inputs.
        items: ids of what is to be explained, recommended or not.
        most: reasons of an item, at most.

    Returns:
        Of each item, what raises its score; empty where nothing does by itself, and for an
        item that the model does not know.

    Raises:
        InputError: the query does not suit the model (:meth:`Recommender.inputs`).
    """
    return next(reasons_of_many(recommender, [(query, items)], most))


def reasons_of_many(
    recommender: Recommender, asked: Iterable[tuple[Query, Sequence[str]]], most: int = 3
) -> Iterator[list[list[Reason]]]:
    """:func:`reasons` of many queries, each with its items, in their order.

    Queries are read as they are needed and share calls of the model; memory does not grow with
    their number.
    """
    window = recommender.manifest["model"]["max_events"]
    for chunk in _chunks(recommender, asked, window):
        ids = sorted({item for inputs, items in chunk for item in (*inputs[HISTORY][0], *items)})
        vectors = dict(zip(ids, recommender.embed_items(ids), strict=True))
        variants = [_Variants.of(recommender, inputs, vectors, window) for inputs, _ in chunk]
        stacked = {
            name: stack_rows([each.inputs[name] for each in variants]) for name in chunk[0][0]
        }
        ends = np.cumsum([len(each.left_out) + 1 for each in variants])
        embedded = np.split(_embed(recommender, stacked), ends[:-1])
        for each, queries_VD, (_, items) in zip(variants, embedded, chunk, strict=True):
            if not items:
                yield []
                continue
            items_KD = np.stack([vectors[item] for item in items])
            yield _strongest(each.left_out, queries_VD, items_KD, most)


def in_words(found: Sequence[Reason]) -> str:
    """An item's reasons as a line for people."""
    if not found:
        return "nothing known of the user raises its score by itself"
    return "because of: " + ", ".join(map(str, found))


def _chunks(
    recommender: Recommender, asked: Iterable[tuple[Query, Sequence[str]]], window: int
) -> Iterator[list[tuple[dict[str, np.ndarray], list[str]]]]:
    """Inputs and items of as many queries as fill a call."""
    chunk: list[tuple[dict[str, np.ndarray], list[str]]] = []
    rows, widest = 0, 0
    for query, items in asked:
        chunk.append((recommender.inputs(query), list(map(normal_id, items))))
        events = min(len(query.history), window)
        rows += 1 + events + len(query.further)
        widest = max(widest, events)
        if rows * (widest + 1) >= EVENTS_PER_CALL:
            yield chunk
            chunk, rows, widest = [], 0, 0
    if chunk:
        yield chunk


@dataclass(frozen=True)
class _Variants:
    """A query as it is and, row after row, without one thing.

    Attributes:
        inputs: of the model; the first row is the whole query.
        left_out: what each further row lacks, as a reason without a contribution.
    """

    inputs: dict[str, np.ndarray]
    left_out: list[Reason]

    @classmethod
    def of(
        cls, recommender: Recommender, inputs: Inputs, vectors: Inputs, window: int
    ) -> "_Variants":
        """The variants of one query.

        Args:
            recommender: for titles and missing values.
            inputs: one row.
            vectors: of the history's ids; an unknown one's is zeros.
            window: known events that the model reads.
        """
        history_N = inputs[HISTORY][0]
        ids, codes_N = np.unique(history_N, return_inverse=True)
        known_N = np.array([vectors[item].any() for item in ids], bool)[codes_N]
        whole_1N = _readable(np.ones((1, len(history_N)), bool), known_N, window)
        read = np.unique(codes_N[whole_1N[0]])
        without_IN = _readable(codes_N != read[:, None], known_N, window)
        missing = recommender.missing_values(0)
        of_events = [HISTORY, *recommender.event_inputs]
        features = [name for name in inputs if name not in of_events]
        kept_VN = np.concatenate([whole_1N, without_IN, np.repeat(whole_1N, len(features), axis=0)])

        varied = {name: _compact(inputs[name][0], kept_VN) for name in of_events}
        for row, name in enumerate(features, start=1 + len(read)):
            before, after = row, len(kept_VN) - row - 1
            value = inputs[name]
            varied[name] = stack_rows(
                [np.repeat(value, before, axis=0), missing[name], np.repeat(value, after, axis=0)]
            )
        titles = recommender.titles
        left_out = [Reason("history", item, titles.get(item, item), 0.0) for item in ids[read]]
        for name in features:
            left_out.append(Reason("feature", name, _feature_in_words(name, inputs[name][0]), 0.0))
        return cls(varied, left_out)


def _readable(kept_VN: np.ndarray, known_N: np.ndarray, window: int) -> np.ndarray:
    """Of the events kept (bool), those that no ``window`` known ones are newer than.

    The model takes its window itself; this spares it the rest of a long history.
    """
    counted_VN = kept_VN & known_N
    newer_VN = np.cumsum(counted_VN[:, ::-1], axis=1)[:, ::-1] - counted_VN
    return kept_VN & (newer_VN < window)


def _compact(values_N: np.ndarray, kept_VN: np.ndarray) -> np.ndarray:
    """Of each row the values kept, padded on the right."""
    widest = kept_VN.sum(axis=1).max(initial=0)
    compact = np.full((len(kept_VN), widest), padding(values_N), values_N.dtype)
    rows, columns = np.nonzero(kept_VN)
    compact[rows, (np.cumsum(kept_VN, axis=1) - 1)[rows, columns]] = values_N[columns]
    return compact


def _embed(recommender: Recommender, inputs: Inputs) -> np.ndarray:
    """Query vectors, in calls of bounded size: one, unless a single query asks for more."""
    rows, events = inputs[HISTORY].shape
    step = max(1, EVENTS_PER_CALL // (events + 1))
    calls = [
        recommender.embed_query(
            {name: value[begin : begin + step] for name, value in inputs.items()}
        )
        for begin in range(0, rows, step)
    ]
    return np.concatenate(calls)


def _strongest(
    left_out: Sequence[Reason], queries_VD: np.ndarray, items_KD: np.ndarray, most: int
) -> list[list[Reason]]:
    lost_VK = (queries_VD[:1] - queries_VD[1:]) @ items_KD.T
    rounding_K = ROUNDING * np.linalg.norm(queries_VD[0]) * np.linalg.norm(items_KD, axis=1)
    order_MK = np.argsort(-lost_VK, axis=0, kind="stable")[:most]
    return [
        [
            replace(left_out[row], contribution=float(lost_VK[row, column]))
            for row in order_M
            if lost_VK[row, column] > rounding_K[column]
        ]
        for column, order_M in enumerate(order_MK.T)
    ]


def _feature_in_words(name: str, value: Any) -> str:
    """The name of an input with its value, where that can be read."""
    if isinstance(value, str):
        return f"{name}: {value}"
    if np.ndim(value) == 0:
        return f"{name}: {value:g}"
    if value.dtype == object:
        return f"{name}: {', '.join(filter(None, value))}"
    return name
