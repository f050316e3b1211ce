"""Recommendations to many users, as Parquet files: blocks of queries, in bounded memory.

A file (*part*) holds the answers of a few thousand users, in their order. Within it, queries are
asked by the length of their histories: a block of one length has little padding, and the search
is widened by what the longest history of a block excludes. The next block is assembled in a thread
while the model answers the last, which uses every core (or the GPU) by itself.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from recsys.data.dataset import Dataset
from recsys.export.blocks import in_blocks
from recsys.export.inputs import ITEM_ID
from recsys.export.recommend import SIGNATURE, Recommender
from recsys.protection.encryption import Encryption, write_table
from recsys.system.files import atomic_path

# Of one part, at most: users, and recommended items.
USERS, ROWS = 2**14, 2**21

Given = TypeVar("Given")
Made = TypeVar("Made")


class QuerySource(Protocol):
    """Users, and their queries as they are needed.

    Attributes:
        users: their ids, in the order of the answers.
        events: int64 [users], how many the history of each has.
    """

    users: Sequence[str]
    events: np.ndarray

    def inputs(self, places: Sequence[int]) -> dict[str, np.ndarray]:
        """What the signatures take, a row for each of some users, by their place in ``users``."""
        ...

    def digest(self) -> str:
        """Another one for other users or histories."""
        ...


class LogUsers:
    """Users of the dataset that a model was exported with.

    Args:
        recommender: the published model.
        dataset: that one.
        users: ids, as they are to be written.
        indices: int [users], the index of each in the dataset.

    Raises:
        InputError: it is another dataset.
    """

    def __init__(
        self, recommender: Recommender, dataset: Dataset, users: Sequence[str], indices: np.ndarray
    ) -> None:
        recommender.check_dataset(dataset)
        self.users = users
        self.events = np.diff(dataset.user_offsets)[indices]
        self._recommender = recommender
        self._dataset = dataset
        self._indices = indices

    def inputs(self, places: Sequence[int]) -> dict[str, np.ndarray]:
        return self._recommender.user_inputs(self._dataset, self._indices[list(places)])

    def digest(self) -> str:
        found = hashlib.sha256(self._dataset.fingerprint.encode())
        for user in self.users:
            found.update(user.encode() + b"\0")
        return found.hexdigest()


@dataclass(frozen=True)
class Shard:
    """An equal share of users, in their order: one of several processes answers each.

    Attributes:
        number: which, from 1.
        shards: how many there are.
    """

    number: int
    shards: int

    def __str__(self) -> str:
        return f"shard-{self.number}-of-{self.shards}"

    def of(self, source: QuerySource) -> QuerySource:
        """Those of the users; the shards together are all of them, none twice."""
        begin, end = (
            len(source.users) * number // self.shards for number in (self.number - 1, self.number)
        )
        return _Slice(source, range(begin, end))


class _Slice:
    """Consecutive users of a source."""

    def __init__(self, source: QuerySource, places: range) -> None:
        self.users = source.users[places.start : places.stop]
        self.events = source.events[places.start : places.stop]
        self._source = source
        self._places = places

    def inputs(self, places: Sequence[int]) -> dict[str, np.ndarray]:
        return self._source.inputs([self._places[place] for place in places])

    def digest(self) -> str:
        """That of all users: shards of the same users have the same."""
        return self._source.digest()


@dataclass(frozen=True)
class PartCounts:
    """What a part holds.

    Attributes:
        users: who were asked about.
        items: that were recommended, the rows of the file.
        users_without_answer: who got none, and have no row.
        users_with_fewer: who got some, but fewer than were asked for.
    """

    users: int
    items: int
    users_without_answer: int
    users_with_fewer: int


@dataclass(frozen=True)
class PartWriter:
    """Writes parts.

    Attributes:
        recommender: the published model.
        source: whom for.
        k: how many items for each.
        titles: with a column ``title``.
        encryption: by which files are encrypted; None: they are not.
    """

    recommender: Recommender
    source: QuerySource
    k: int
    titles: bool = False
    encryption: Encryption | None = None

    def write(self, path: Path, places: range, done: Callable[[int], None]) -> PartCounts:
        """Writes one, in whole or not at all, for its owner's eyes only.

        Args:
            path: of the file.
            places: of its users in ``source.users``.
            done: is called with the number of users that each block answered.

        Raises:
            InputError: more items are asked for than the model returns.
        """
        ids, scores = self._answers(places, done)
        there = ids != b""
        counts = there.sum(axis=1)
        with atomic_path(path, private=True) as temporary:
            write_table(self._table(places, ids[there], scores[there], counts), temporary,
                        self.encryption)  # fmt: skip
        return PartCounts(
            len(places),
            int(counts.sum()),
            int((counts == 0).sum()),
            int(((counts > 0) & (counts < self.k)).sum()),
        )

    def _answers(self, places: range, done: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
        """Ids as bytes, b"" where there is no item, and scores, both [users, k]."""
        self.recommender.check_k(self.k)
        events = self.source.events
        by_length = places.start + np.argsort(events[places.start : places.stop], kind="stable")
        blocks = in_blocks(self.recommender, by_length.tolist(), events.__getitem__)
        ids = np.full((len(places), self.k), b"", object)
        scores = np.empty((len(places), self.k), np.float32)
        for block, inputs in _ahead(self.source.inputs, blocks):
            answer = self.recommender.call(SIGNATURE, inputs)
            rows: np.ndarray = np.array(block) - places.start
            ids[rows] = answer[ITEM_ID][:, : self.k]
            scores[rows] = answer["score"][:, : self.k]
            done(len(block))
        return ids, scores

    def _table(
        self, places: range, ids: np.ndarray, scores: np.ndarray, counts: np.ndarray
    ) -> pa.Table:
        users = pa.array(self.source.users[places.start : places.stop], pa.string())
        items = pa.array(ids, pa.string())
        ranks = np.concatenate([np.arange(1, count + 1, dtype=np.int32) for count in counts])
        columns = {
            "user": users.take(pa.array(np.repeat(np.arange(len(places)), counts))),
            "rank": pa.array(ranks, pa.int32()),
            "item": items,
        }
        if self.titles:
            coded = items.dictionary_encode()
            named = [
                self.recommender.titles.get(item, item) for item in coded.dictionary.to_pylist()
            ]
            columns["title"] = pa.array(named, pa.string()).take(coded.indices)
        return pa.table({**columns, "score": pa.array(scores, pa.float32())})


def parts(users: int, k: int) -> list[range]:
    """The places of the users of each part.

    Args:
        users: how many there are.
        k: how many items for each.

    >>> [len(part) for part in parts(40_000, k=100)]
    [16384, 16384, 7232]
    """
    size = max(1, min(USERS, ROWS // k))
    return [range(begin, min(begin + size, users)) for begin in range(0, users, size)]


def _ahead(make: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[tuple[Given, Made]]:
    """What is made of each, in their order; the next is made in a thread meanwhile."""
    with ThreadPoolExecutor(1) as thread:
        coming: deque[tuple[Given, Future[Made]]] = deque()
        for each in given:
            coming.append((each, thread.submit(make, each)))
            if len(coming) == 2:
                ready, made = coming.popleft()
                yield ready, made.result()
        for ready, made in coming:
            yield ready, made.result()
