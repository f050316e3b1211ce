"""Asking a published SavedModel, as ``recsys recommend`` does.

Nothing but the artefact answers: no checkpoint, no retriever. TensorFlow is
imported when a model is loaded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from recsys.batch import BatchSpec
from recsys.data.dataset import Dataset
from recsys.data.sources.text import normal_id
from recsys.errors import InputError
from recsys.export.filters import Filters, Where
from recsys.export.inputs import (
    EXCLUDE,
    HISTORY,
    HISTORY_TIME,
    ITEM_ID,
    USER_ID,
    Histories,
    event_times,
    id_matrix,
    input_name,
    serving_inputs,
    stack_rows,
)
from recsys.export.manifest import verified_manifest
from recsys.export.signature import refuse_unsigned
from recsys.export.titles import read_titles
from recsys.system.display import counted

SIGNATURE, EXCLUDING, FILTERED = "serving_default", "recommend_excluding", "recommend_filtered"
EXAMPLE_EVENTS = 5


@dataclass(frozen=True)
class Recommendation:
    """One row of an answer; ``title`` is the id where the item has none."""

    item_id: str
    title: str
    score: float


@dataclass(frozen=True)
class Query:
    """A query: a history of item ids, oldest first, and the model's further inputs."""

    history: Sequence[str]
    further: Mapping[str, np.ndarray]


class Recommender:
    """A SavedModel with its manifest and titles, loaded when it is first asked.

    Its files are compared with the manifest first, and its signature is checked where a public key
    is configured. ``filters`` is what it can be filtered by.

    Args:
        folder: of one version, e.g. ``runs/quickstart-lstm/1/model/1``.
        key: file of the public key that it must be signed with; None: the one that the environment
            variable ``RECSYS_VERIFY_KEY`` names, and without it no signature is asked for.

    Raises:
        InputError: the folder is not an exported model, a file of it is damaged, or it is not
            signed with that key.
    """

    def __init__(self, folder: str | Path, key: Path | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = verified_manifest(self.folder)
        refuse_unsigned(self.folder, key)
        self.titles = read_titles(self.folder)
        self.filters = Filters(self.folder, self.manifest["filters"])

    @cached_property
    def _model(self) -> Any:
        import tensorflow as tf

        # Kept whole: a signature does not keep what it was loaded from alive.
        return tf.saved_model.load(str(self.folder))

    @property
    def further_inputs(self) -> dict[str, Any]:
        """Inputs beside the history: name to dtype and shape."""
        inputs = self.manifest["signatures"][SIGNATURE]["inputs"]
        return {name: spec for name, spec in inputs.items() if name != HISTORY}

    @property
    def event_inputs(self) -> list[str]:
        """Those of them that have a value for each event of the history."""
        return self.manifest["model"]["event_inputs"]

    def recommend(
        self, query: Query, k: int = 10, where: Where | None = None
    ) -> list[Recommendation]:
        """Answers one query with at most ``k`` items, best first.

        Args:
            query: the history and the further inputs.
            k: how many items are asked for.
            where: what is allowed of attributes of the items, such as ``{"category": ["tea"],
                "price": (5, 20)}``; None: every item.

        Raises:
            InputError: more items are asked for than the artefact returns, or it cannot be asked
                so (:meth:`recsys.export.filters.Filters.inputs`).
        """
        self.check_k(k)
        inputs, signature = self.inputs(query), SIGNATURE
        if where:
            signature = FILTERED
            inputs |= {EXCLUDE: id_matrix([[]]), **self.filters.inputs(where)}
        answer = self.call(signature, inputs)
        return self.named(answer[ITEM_ID][0, :k], answer["score"][0, :k])

    def check_k(self, k: int) -> None:
        """Refuses to be asked for more items than the artefact returns.

        Raises:
            InputError: so it is.
        """
        largest = self.manifest["model"]["k"]
        if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
            raise InputError(f"k is {k!r}: expected a whole number from 1 to {largest}")
        if k > largest:
            raise InputError(
                f"{k} recommendations were asked for; {self.folder} returns 1 to {largest}. "
                "Export again with a larger `export.k`."
            )

    def named(self, ids: np.ndarray, scores: np.ndarray) -> list[Recommendation]:
        """A row of an answer with titles, without what fills it up.

        Args:
            ids: bytes [k], as the signatures return them.
            scores: float32 [k].
        """
        items = [item.decode() for item in ids]
        return [
            Recommendation(item, self.titles.get(item, item), float(score))
            for item, score in zip(items, scores, strict=True)
            if item
        ]

    def why_so_few(self, query: Query, answers: int, k: int, filtered: bool = False) -> str:
        """Why an answer has fewer than ``k`` items, in a sentence; nothing where it has as many.

        Args:
            query: as it was asked.
            answers: how many came.
            k: how many were asked for.
            filtered: whether not every item was allowed.
        """
        if answers >= k:
            return ""
        catalogue = self.manifest["model"]["catalogue_items"]
        found = f"only {answers} of {counted(k, 'item')}" if answers else "nothing"
        if filtered:
            return f"{found} can be recommended: `where` allows no more of what was not had"
        sentence = f"{found} can be recommended: the catalogue holds {counted(catalogue, 'item')}"
        if had := catalogue - answers:
            sentence += (
                f", of which the history has {'all' if had == catalogue else f'{had:,}'}, and "
                "what was had is not recommended again (`seen: exclude` in the experiment)"
            )
        return sentence

    def unknown_ids(self, history: Sequence[str]) -> list[str]:
        """The ids of a history that the model does not know and therefore ignores."""
        ids = as_logged(history)
        vectors = self.embed_items(ids)
        # An unknown item's vector is zeros, by contract.
        return [item for item, vector in zip(ids, vectors, strict=True) if not vector.any()]

    def inputs(self, query: Query) -> dict[str, np.ndarray]:
        """A query as one row of everything that the signatures take; missing is what it lacks.

        Raises:
            InputError: an input that the model does not have, or times that are not the events'.
        """
        for name in query.further:
            if name not in self.further_inputs:
                known = ", ".join(self.further_inputs) or "none"
                raise InputError(
                    f"{self.folder} has no further input {name!r} (it has: {known}). Leave it out."
                )
        history = as_logged(query.history)
        inputs = {HISTORY: id_matrix([history]), **self.missing_values(len(history))}
        for name, value in query.further.items():
            inputs[name] = np.asarray(value, inputs[name].dtype)
        for name in self.event_inputs:
            if inputs[name].shape != inputs[HISTORY].shape:
                raise InputError(
                    f"a history of {len(history)} events came with {name} of the shape "
                    f"{list(inputs[name].shape)}: give [1, {len(history)}], a value per event."
                )
        return inputs

    def stacked_inputs(self, queries: Sequence[Query]) -> dict[str, np.ndarray]:
        """Queries as the rows of one call, each as :meth:`inputs` makes it.

        Raises:
            InputError: see :meth:`inputs`.
        """
        rows = [self.inputs(query) for query in queries]
        return {name: stack_rows([row[name] for row in rows]) for name in rows[0]}

    def embed_query(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Vectors of queries, float32 [batch, dim].

        The score of an item is the dot product with its vector, in every signature (under
        ``export.rerank``, before the best items are put in another order).

        Args:
            inputs: as :meth:`inputs` makes them, any number of rows.
        """
        return self.call("embed_query", inputs)["embedding"]

    def embed_items(self, item_ids: Sequence[str]) -> np.ndarray:
        """Vectors of items, float32 [items, dim]; of unknown ones zeros."""
        return self.call("embed_items", {ITEM_ID: np.array(item_ids, object)})["embedding"]

    def call(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What a signature answers, by the names of its outputs."""
        import tensorflow as tf

        answer = self._model.signatures[signature](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        return {name: value.numpy() for name, value in answer.items()}

    def vocabulary(self, name: str) -> list[str]:
        """The ids or words that the graph looks up, in the order of its own numbers.

        Args:
            name: of a table, such as ``item_id``: every item that the model knows.
        """
        import tensorflow as tf

        words, places = tf.raw_ops.LookupTableExportV2(
            table_handle=self._model.tables[name].resource_handle,
            Tkeys=tf.string,
            Tvalues=tf.int32,
        )
        return [words.numpy()[row].decode() for row in np.argsort(places.numpy())]

    def user_query(self, dataset: Dataset, user_id: str) -> Query:
        """The query of a user: all of the user's events in time, with times, id and features.

        Args:
            dataset: the one that the model was exported with.
            user_id: as in the log.

        Raises:
            InputError: an unknown user, or another dataset.
        """
        self.check_dataset(dataset)
        user = dataset.user_places.get(dataset.stored_user_id(normal_id(user_id)))
        if user is None:
            raise InputError(f"there is no user {user_id!r} in the dataset {dataset.path}")
        inputs = self.user_inputs(dataset, np.array([user]))
        return Query(inputs.pop(HISTORY)[0].tolist(), inputs)

    def user_inputs(self, dataset: Dataset, users: np.ndarray) -> dict[str, np.ndarray]:
        """Users as the rows of one call: all of their events in time, with times, id, features.

        Args:
            dataset: the one that the model was exported with (:meth:`check_dataset`).
            users: int [batch], index of each.
        """
        spec = self._reads(dataset)
        begins, ends = dataset.user_offsets[users], dataset.user_offsets[users + 1]
        places = [slice(*bounds) for bounds in zip(begins.tolist(), ends.tolist(), strict=True)]
        orders = [_in_time(dataset, events) for events in places]
        values = {name: dataset.feature("event", name) for name in spec.event_features}

        def ordered(read: Callable[[slice], np.ndarray]) -> list[np.ndarray]:
            return [read(each)[order] for each, order in zip(places, orders, strict=True)]

        histories = Histories(
            ordered(lambda events: dataset.event_items[events]),
            ordered(lambda events: event_times(dataset, events)) if spec.times else [],
            {name: ordered(each.__getitem__) for name, each in values.items()},
            users,
        )
        return serving_inputs(dataset, spec, histories)

    def _reads(self, dataset: Dataset) -> BatchSpec:
        """What the model reads, by the inputs that it takes."""
        names = set(self.further_inputs)
        per_event, manifest = set(self.event_inputs), dataset.manifest
        return BatchSpec(
            max_events=self.manifest["model"]["max_events"],
            times=HISTORY_TIME in names,
            user=USER_ID in names,
            user_features=tuple(
                f.name for f in manifest.user_features if input_name(f) in names - per_event
            ),
            event_features=tuple(
                f.name for f in manifest.event_features if input_name(f) in per_event
            ),
        )

    def check_dataset(self, dataset: Dataset) -> None:
        """Refuses a dataset that the model was not exported with.

        Raises:
            InputError: it is one.
        """
        if dataset.fingerprint != self.manifest["data"]["fingerprint"]:
            raise InputError(
                f"{self.folder} was exported with the dataset "
                f"{self.manifest['data']['fingerprint']}, not {dataset.fingerprint}."
            )

    def input_example(self, dataset: Dataset) -> dict[str, list]:
        """A request with the last events of the dataset's first user, as plain lists."""
        query = self.user_query(dataset, dataset.user_ids[0])
        example = {HISTORY: [list(query.history)]}
        example |= {name: value.tolist() for name, value in query.further.items()}
        example |= self.filters.example()
        for name in (HISTORY, *self.event_inputs):
            example[name] = [row[-EXAMPLE_EVENTS:] for row in example[name]]
        return example

    def missing_values(self, events: int) -> dict[str, np.ndarray]:
        """One row of every further input, with nothing known of the user and the events."""
        values = {name: _missing(**spec) for name, spec in self.further_inputs.items()}
        for name in self.event_inputs:
            dtype = self.further_inputs[name]["dtype"]
            # Of times as if the events had been at once.
            missing = {"string": "", "int64": 0, "float32": np.nan}[dtype]
            kind = object if dtype == "string" else dtype
            values[name] = np.full((1, events), missing, kind)
        return values


def as_logged(history: Sequence[str]) -> list[str]:
    """The ids of a history in the form that they have in a log.

    Raises:
        InputError: one of them is not Unicode (a terminal's bytes of another encoding).
    """
    for item in history:
        try:
            item.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"the id {item!r} is not UTF-8") from error
    return list(map(normal_id, history))


def _in_time(dataset: Dataset, events: slice) -> np.ndarray:
    """The order of a user's events: the parts of a fixed split need not follow each other."""
    if not dataset.manifest.has_time:
        return np.arange(events.stop - events.start)
    return np.argsort(dataset.event_times[events], kind="stable")


def _missing(dtype: str, shape: list[int | None]) -> np.ndarray:
    # An unknown number of rows is one, of further columns none.
    sizes = [1, *(size or 0 for size in shape[1:])]
    if dtype == "string":
        return np.full(sizes, "", dtype=object)
    # A number is missing as NaN, a ready-made vector as zeros.
    return np.full(sizes, np.nan if len(sizes) == 1 else 0.0, np.float32)
