"""Histories in a table with a row per event, asked about a block of users at a time."""

import hashlib
import io
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from recsys.api import answers
from recsys.api.ids import frame_of, histories_of, id_of
from recsys.data.prepare.event_log import EventLogConfig
from recsys.data.prepare.features.kinds import Features
from recsys.errors import InputError
from recsys.export.recommend import Recommender
from recsys.protection.forgotten import NOBODY, ForgottenUsers
from recsys.system.display import counted
from recsys.system.files import given_path

logger = logging.getLogger(__name__)


def columns_of_features(features: Features, inputs: Collection[str]) -> dict[str, str]:
    """Columns of the log that hold event features, by the feature.

    Args:
        features: of the log (``data.log.features``).
        inputs: of the model that have a value for each event.
    """
    return {name: each.column or name for name, each in features.items() if name in inputs}


def table_users(
    recommender: Recommender, given: Any, log: EventLogConfig, forgotten: ForgottenUsers
) -> "TableUsers":
    """The users of a table of histories.

    Args:
        recommender: the published model.
        given: a path of a CSV or Parquet file, or a frame.
        log: of the experiment that the model is of.
        forgotten: users who are left out.

    Raises:
        InputError: it cannot be read, or see :class:`TableUsers`.
    """
    columns = log.columns.named
    features = columns_of_features(log.features, recommender.event_inputs)
    if isinstance(given, str | Path):
        kinds = {column: log.features[name].kind for name, column in features.items()}
        texts = [column for column, kind in kinds.items() if kind == "categorical"]
        numbers = [column for column in kinds if column not in texts]
        table = read_histories(given_path(given, "histories"), columns, texts, numbers)
    else:
        table = frame_of(given)
    return TableUsers(recommender, table, columns, features, forgotten)


class TableUsers:
    """The users of a table, in the order in which they first appear.

    The table is held in memory, in Arrow's form; queries are made of it block by block.

    Args:
        recommender: the published model.
        table: a row per event.
        columns: of the log by role; see :func:`recsys.api.ids.histories_of`.
        features: columns of the log by event feature; likewise.
        forgotten: users who are left out.

    Raises:
        InputError: it has no rows, lacks a column, or an id is missing.
    """

    def __init__(
        self,
        recommender: Recommender,
        table: pa.Table,
        columns: Mapping[str, str],
        features: Mapping[str, str],
        forgotten: ForgottenUsers = NOBODY,
    ) -> None:
        self._recommender, self._columns, self._features = recommender, columns, features
        if not len(table):
            raise InputError("histories: the table has no rows")
        # What is wrong with its columns is refused by the first row, and said once.
        answers.warn_of_missing(recommender, histories_of(table[:1], columns, features))
        codes, users = _coded(table, columns, "user")
        if gone := forgotten.among(users):
            logger.info("left out, as they are to be forgotten: %s", counted(len(gone), "user"))
            stays = np.array([user not in gone for user in users])
            table = table.filter(pa.array(stays[codes]))
            codes, users = _coded(table, columns, "user")
        _, items = _coded(table, columns, "item")
        answers.warn_of_unknown(recommender, [items])
        self.users: Sequence[str] = users
        self.events = np.bincount(codes, minlength=len(users))
        self._order = np.argsort(codes, kind="stable")
        self._begins = np.concatenate(([0], np.cumsum(self.events)))
        self._table = table

    def inputs(self, places: Sequence[int]) -> dict[str, np.ndarray]:
        """See :class:`recsys.export.batch_inference.QuerySource`."""
        bounds = [(self._begins[place], self._begins[place + 1]) for place in places]
        rows = np.concatenate([self._order[begin:end] for begin, end in bounds])
        given = histories_of(self._table.take(pa.array(rows)), self._columns, self._features)
        return self._recommender.stacked_inputs(answers.queries_of(self._recommender, given))

    def digest(self) -> str:
        """See :class:`recsys.export.batch_inference.QuerySource`."""
        sink = _Digest()
        with pa.ipc.new_stream(pa.PythonFile(sink, "w"), self._table.schema) as stream:
            stream.write_table(self._table)
        return sink.found.hexdigest()


class _Digest(io.RawIOBase):
    """A file that keeps a digest of what is written."""

    def __init__(self) -> None:
        self.found = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.found.update(content)
        return len(content)


def read_histories(
    path: Path, columns: Mapping[str, str], texts: Sequence[str], numbers: Sequence[str]
) -> pa.Table:
    """A table of histories on disk: the columns that are read.

    Args:
        path: Parquet or CSV.
        columns: of the log by role; the table has these, or columns that are called as the roles.
        texts: columns of categorical event features; of a CSV file they are read as they stand.
        numbers: columns of numeric ones.

    Raises:
        InputError: it cannot be read.
    """
    ids = {"user", "item", columns.get("user"), columns.get("item"), *texts}
    wanted = [*ids, "time", columns.get("time"), *numbers]
    try:
        if path.suffix == ".csv":
            # As text: a number would lose the zeros in front of an id.
            types = {name: pa.string() for name in ids if name is not None}
            types |= {name: pa.float64() for name in numbers}
            found = pyarrow.csv.read_csv(
                path, convert_options=pyarrow.csv.ConvertOptions(column_types=types)
            )
            return found.select([name for name in found.column_names if name in wanted])
        there = pq.read_schema(path).names
        return pq.read_table(path, columns=[name for name in there if name in wanted])
    except OSError as error:
        reason = error.strerror or "it is not a table in Parquet"
        raise InputError(f"{path} cannot be read: {reason}") from error
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise InputError(f"{path} cannot be read as Parquet or CSV: {error}") from error


def _coded(table: pa.Table, columns: Mapping[str, str], role: str) -> tuple[np.ndarray, list[str]]:
    """A column of ids: int64 [rows], the number of each, and the ids by number."""
    log_column = columns.get(role, role)
    name = log_column if log_column in table.column_names else role
    column = table[name]
    if column.null_count:
        raise InputError(f"histories: {counted(column.null_count, 'row')} without {name}")
    coded = column.dictionary_encode().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0)
    spelled: list[Any] = coded.dictionary.to_pylist()
    ids = [id_of(each, f"histories, {role}s") for each in spelled]
    if "" in ids:
        empty = pc.sum(pc.equal(coded.indices, ids.index(""))).as_py()
        raise InputError(f"histories: {counted(empty, 'row')} with an empty {name}")
    # An id may be spelled in several ways: 1 and 1.0.
    numbers = {each: number for number, each in enumerate(dict.fromkeys(ids))}
    return np.array([numbers[each] for each in ids])[coded.indices.to_numpy()], list(numbers)
