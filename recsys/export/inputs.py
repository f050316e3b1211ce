"""Inputs of the SavedModel's signatures, made from a prepared dataset.

Histories become padded strings, a user becomes an id and raw features: what a
caller without this package would send.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from recsys.batch import BatchSpec
from recsys.data.batches.histories import whole_seconds
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
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


def user_features_of(names: Collection[str], dataset: Dataset) -> tuple[Feature, ...]:
    """The user features that a model reads, as the dataset encoded them.

    Args:
        names: of the features (``model.query.user_features``).
        dataset: where they are.

    Raises:
        InputError: a feature has the name of another input of the signatures.
    """
    features = tuple(f for f in dataset.manifest.user_features if f.name in names)
    taken = [HISTORY, HISTORY_TIME, EXCLUDE, USER_ID, ITEM_ID]
    for feature in features:
        if input_name(feature) in taken:
            raise InputError(
                f"the user feature {feature.name!r} has the name of another input of the "
                f"SavedModel ({', '.join(taken)}). Give it another name in data.users.features "
                f"and set `column: {feature.name}`."
            )
        taken.append(input_name(feature))
    return features


def id_matrix(rows: Iterable[Sequence[str]]) -> np.ndarray:
    """Ids as an object array [batch, longest row], padded on the right with ``""``."""
    return _matrix(rows, "", object)


def time_matrix(rows: Iterable[np.ndarray]) -> np.ndarray:
    """Seconds since 1970 as int64 [batch, longest row], padded on the right with 0."""
    return _matrix(rows, 0, np.int64)


def _matrix(rows: Iterable[Sequence | np.ndarray], padding: str | int, dtype: type) -> np.ndarray:
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
    dataset: Dataset,
    spec: BatchSpec,
    histories: Sequence[np.ndarray],
    times: Sequence[np.ndarray],
    users: np.ndarray,
) -> dict[str, np.ndarray]:
    """The inputs of ``serving_default``, as a caller without this package would send them.

    Args:
        dataset: where the ids and the users' features are.
        spec: what the model reads.
        histories: item indices, oldest event first.
        times: seconds since 1970 of the same events.
        users: int [batch], user index, −1 = unknown.
    """
    ids = dataset.item_ids
    inputs = {HISTORY: id_matrix([ids[item] for item in history] for history in histories)}
    features = user_features_of(spec.user_features, dataset)
    inputs |= _user_inputs(dataset, features, spec.user, users)
    if spec.times:
        inputs[HISTORY_TIME] = time_matrix(times)
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
    if features:
        # What prepares data takes a second to import.
        from recsys.data.prepare.features.encode import decode_feature
    for feature in features:
        values = np.array(dataset.feature("user", feature.name)[np.maximum(users, 0)])
        values[users < 0] = 0
        inputs[input_name(feature)] = decode_feature(dataset, "user", feature, values)
    return inputs
