"""Inputs of the SavedModel's signatures, made from a prepared dataset.

Histories become padded strings with raw features of their events, a user becomes
an id and raw features: what a caller without this package would send.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.batch import BatchSpec
from recsys.data.batches.histories import whole_seconds
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature, Side
from recsys.data.manifest import Manifest
from recsys.errors import InputError

UNKNOWN = -1  # index of a user or an item that the dataset does not know
HISTORY, EXCLUDE, USER_ID, ITEM_ID = "history", "exclude", "user_id", "item_id"
HISTORY_TIME = "history_time"  # of each event of the history, seconds since 1970


def input_name(feature: Feature) -> str:
    """A feature's name as an input of the signatures.

    TensorFlow allows letters without accents, digits and underscores only, and
    no digit in front: ``Home city`` becomes ``Home_city``.
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", feature.name)
    return f"_{name}" if name[:1].isdigit() else name


@dataclass(frozen=True)
class InputFeatures:
    """The features that a caller sends.

    Attributes:
        user: those of the user, a row per query.
        event: those of the history's events, a value per event.
    """

    user: tuple[Feature, ...]
    event: tuple[Feature, ...]

    @classmethod
    def of(
        cls, user_features: Collection[str], event_features: Collection[str], manifest: Manifest
    ) -> "InputFeatures":
        """The features that a model reads, as the dataset encoded them.

        Args:
            user_features: names (``model.query.user_features``).
            event_features: names (``model.query.event_features``).
            manifest: of the dataset.

        Raises:
            InputError: a feature has the name of another input of the signatures.
        """
        user = tuple(f for f in manifest.user_features if f.name in user_features)
        event = tuple(f for f in manifest.event_features if f.name in event_features)
        taken = [HISTORY, HISTORY_TIME, EXCLUDE, USER_ID, ITEM_ID]
        for side, where, features in (("user", "users", user), ("event", "log", event)):
            for feature in features:
                if input_name(feature) in taken:
                    raise InputError(
                        f"the {side} feature {feature.name!r} has the name of another input of the "
                        f"SavedModel ({', '.join(taken)}). Give it another name in "
                        f"data.{where}.features and set `column: {feature.name}`."
                    )
                taken.append(input_name(feature))
        return cls(user, event)

    @classmethod
    def of_spec(cls, spec: BatchSpec, dataset: Dataset) -> "InputFeatures":
        """Those that a model reads by its ``batch_spec``."""
        return cls.of(spec.user_features, spec.event_features, dataset.manifest)


def event_inputs(spec: BatchSpec, dataset: Dataset) -> list[str]:
    """The inputs beside the history that have a value for each of its events."""
    features = InputFeatures.of_spec(spec, dataset).event
    return [*([HISTORY_TIME] if spec.times else []), *map(input_name, features)]


@dataclass(frozen=True)
class Histories:
    """Histories in dataset indices, as a model is asked about them.

    Attributes:
        items: int32 arrays, whole histories, oldest event first.
        times: int64 arrays, seconds since 1970 of their events; zeros where the
            log has no times.
        features: by name of an event feature, arrays of their events.
        users: int32 [histories], user index, −1 = unknown.
    """

    items: Sequence[np.ndarray]
    times: Sequence[np.ndarray]
    features: Mapping[str, Sequence[np.ndarray]]
    users: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, some: slice) -> "Histories":
        features = {name: values[some] for name, values in self.features.items()}
        return Histories(self.items[some], self.times[some], features, self.users[some])


def id_matrix(rows: Iterable[Sequence[str]]) -> np.ndarray:
    """Ids as an object array [batch, longest row], padded on the right with ``""``."""
    return _matrix(rows, "", object)


def time_matrix(rows: Iterable[np.ndarray]) -> np.ndarray:
    """Seconds since 1970 as int64 [batch, longest row], padded on the right with 0."""
    return _matrix(rows, 0, np.int64)


def event_matrix(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Raw values of events as an array [batch, longest row], padded on the right.

    Text is padded with ``""``, numbers with NaN: what is missing.
    """
    is_text = any(row.dtype == object for row in rows)
    return _matrix(rows, "", object) if is_text else _matrix(rows, np.nan, np.float32)


def _matrix(rows: Iterable[Sequence | np.ndarray], padding: str | float, dtype: type) -> np.ndarray:
    rows = list(rows)
    width = max((len(row) for row in rows), default=0)
    matrix: np.ndarray = np.full((len(rows), width), padding, dtype=dtype)
    for line, row in zip(matrix, rows, strict=True):
        line[: len(row)] = row
    return matrix


def stack_rows(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all arrays; matrices are padded on the right to one width."""
    if arrays[0].ndim == 1:
        return np.concatenate(arrays)
    widest = max(array.shape[1] for array in arrays)
    stacked = np.full((sum(map(len, arrays)), widest), padding(arrays[0]), dtype=arrays[0].dtype)
    begin = 0
    for array in arrays:
        stacked[begin : begin + len(array), : array.shape[1]] = array
        begin += len(array)
    return stacked


def padding(values: np.ndarray) -> str | int:
    """What stands where there is nothing."""
    return "" if values.dtype == object else 0


def event_times(dataset: Dataset, events: slice) -> np.ndarray:
    """Times of some events, int64 seconds since 1970; zeros if the log has none."""
    if not dataset.manifest.has_time:
        return np.zeros(events.stop - events.start, np.int64)
    return whole_seconds(np.asarray(dataset.event_times[events]))


def serving_inputs(
    dataset: Dataset, spec: BatchSpec, histories: Histories
) -> dict[str, np.ndarray]:
    """The inputs of ``serving_default``, as a caller without this package would send them.

    Args:
        dataset: where the ids and the users' features are.
        spec: what the model reads.
        histories: what is asked about.
    """
    ids = dataset.item_ids
    items = (np.asarray(history).tolist() for history in histories.items)
    inputs = {HISTORY: id_matrix([ids[item] for item in history] for history in items)}
    features = InputFeatures.of_spec(spec, dataset)
    inputs |= _user_inputs(dataset, features.user, spec.user, histories.users)
    if spec.times:
        inputs[HISTORY_TIME] = time_matrix(histories.times)
    for feature in features.event:
        rows = histories.features[feature.name]
        # At once: a vocabulary is read from its file.
        values = decode_feature(dataset, "event", feature, np.concatenate(rows))
        ends = np.cumsum([len(row) for row in rows])
        inputs[input_name(feature)] = event_matrix(np.split(values, ends[:-1]))
    return inputs


def _user_inputs(
    dataset: Dataset, features: Sequence[Feature], reads_user_id: bool, users: np.ndarray
) -> dict[str, np.ndarray]:
    """The further inputs of ``serving_default`` for users of a dataset.

    Args:
        dataset: where the users are.
        features: the user features that the model reads.
        reads_user_id: whether it reads the id as well.
        users: int [batch], user index, −1 = unknown.
    """
    inputs = {}
    if reads_user_id:
        ids = [dataset.user_ids[user] if user >= 0 else "" for user in users]
        inputs[USER_ID] = np.asarray(ids, dtype=object)
    for feature in features:
        values = np.array(dataset.feature("user", feature.name)[np.maximum(users, 0)])
        values[users < 0] = 0
        inputs[input_name(feature)] = decode_feature(dataset, "user", feature, values)
    return inputs


def decode_feature(
    dataset: Dataset, side: Side, feature: Feature, values: np.ndarray
) -> np.ndarray:
    """See :func:`recsys.data.prepare.features.encode.decode_feature`."""
    # What prepares data takes a second to import.
    from recsys.data.prepare.features.encode import decode_feature

    return decode_feature(dataset, side, feature, values)
