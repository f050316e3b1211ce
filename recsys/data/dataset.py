"""The prepared dataset: immutable, memory-mapped, fingerprinted.

One folder holds one dataset. Events are sorted by (user, part, time, order), so
a user is a slice of every ``event_*`` array, and the training, validation and
test events of a user are three consecutive slices of that slice.

=========================  ================  ===========================================
file                       dtype, shape      holds
=========================  ================  ===========================================
``manifest.json``          --                see :mod:`recsys.data.manifest`; written last, with
                                             the digests of all other files
``user_offsets.npy``       int64 [users+1]   where each user's events begin
``part_ends.npy``          int64 [users, 2]  where training and validation events end
``event_items.npy``        int32 [events]    item index
``event_weights.npy``      float32 [events]  weight as a target, 0 = context only
``history_ends.npy``       int64 [events]    end (exclusive) of what precedes the event:
                                             the first event of its user that shares its
                                             part, time and order
``event_times.npy``        int64 [events]    microseconds since 1970 UTC (if mapped)
``event_values.npy``       float32 [events]  money, rating or quantity (if mapped); of repeats
                                             collapsed into one event, the sum at its time
``event_sessions.npy``     int64 [events]    session number (if mapped)
``event_channels.npy``     int32 [events]    channel, -1 = none (if mapped)
``event_campaigns.npy``    int32 [events]    campaign that is answered, -1 = none (if mapped)
``item_counts.npy``        int64 [items, 3]  events of an item in each part
``item_targets.npy``       int64 [items, 3]  those of a weight above 0 (if not all are)
``users.parquet``          --                ``user_id``, in index order; pseudonyms where the
                                             manifest has their key
``items.parquet``          --                ``item_id``, ``title``, in index order
``attributes.parquet``     --                a column per attribute of items, in index order: a list
                                             of texts, or a number (float64; null: none)
``channels.parquet``, ``campaigns.parquet``  ``name``, in index order (if mapped)
``features/<side>.<name>.npy``               see :mod:`recsys.data.feature`; of events in the
                                             order of the ``event_*`` arrays
``features/<side>.<name>.vocabulary.parquet``  ``value``, in index order, from index 1
``quarantine.parquet``     --                rows left out, with the reason
=========================  ================  ===========================================

Items are numbered so that those with training events come first, then those
that appear first in validation, in test, and in the item table only; within a
group the most frequent first (ties: by id). Every fitted part's items are
therefore a prefix of the catalogue, and a lower index means a more popular
item.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.data.feature import Side
from recsys.data.manifest import FORMAT, MANIFEST, PARTS, Manifest, Part
from recsys.data.queries import Queries, ranges
from recsys.errors import Damaged
from recsys.protection.pseudonyms import StoredId, stored_id
from recsys.system.manifests import check, read_manifest
from recsys.system.reading import read_json, reading

if TYPE_CHECKING:
    import pyarrow as pa

    from recsys.data.dataset_statistics import DatasetStatistics
    from recsys.reports.dataset_plots import DatasetPlots

# Roles whose values are few and have names.
NAMED_ROLES = ("channel", "campaign")
ATTRIBUTES = "attributes.parquet"
MEND = "Run `recsys prepare` with the experiment: a dataset that is damaged is prepared again"


class Dataset:
    """A prepared dataset, opened read-only in milliseconds.

    The sizes of its files are compared with the manifest as it is opened, tables of ids with
    their digests as they are read, and everything by :meth:`verify`.

    Args:
        path: the dataset's folder.
        source: the ``data`` section of an experiment that it was prepared by, where it is known
            better than from the manifest, which keeps no secrets of addresses.

    Attributes:
        path: the dataset's folder.
        manifest: the folder's description.
        fingerprint: of the log, the tables and the settings.
        users, items, events: how many there are.
        source: the ``data`` section of an experiment that gives this dataset again.

    Raises:
        Damaged: the folder is missing, half-written, damaged or of another format.

    Example:
        >>> from recsys import Dataset
        >>> Dataset(data.path).events
        1200
    """

    def __init__(self, path: str | Path, source: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        manifest = self.path / MANIFEST
        if not manifest.is_file():
            raise Damaged(
                self.path,
                MEND,
                f"is not a prepared dataset: it has no {MANIFEST}, so it is something else or was "
                "only half written",
            )
        # Before the seal, which another format may not have.
        found = read_json(manifest, MEND, ["format"])["format"]
        if found != FORMAT:
            what = f"has dataset format {found}, this version reads {FORMAT}"
            raise Damaged(self.path, MEND, what)
        with reading(manifest, MEND):
            self.manifest = Manifest.model_validate(read_manifest(manifest, MEND))
        check(self.path, self.manifest.files, MEND, content=False)
        self.source: dict[str, Any] = dict(self.manifest.settings if source is None else source)
        self.fingerprint = self.manifest.fingerprint
        self.users = self.manifest.users
        self.items = self.manifest.items
        self.events = self.manifest.events

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        user: str | None = None,
        item: str | None = None,
        time: str | None = None,
        items: Any = None,
        users: Any = None,
        item_features: Any = None,
        user_features: Any = None,
        event_features: Any = None,
        item_attributes: Any = None,
        runs_dir: str | Path = "runs",
        **keywords: Any,
    ) -> "Dataset":
        """Prepares a log that is in memory, or in files, and opens the dataset.

        A frame is written once, by the digest of the columns that are needed, to
        ``<runs_dir>/datasets/frames/<digest>.parquet``; from there on all is as with a file, so
        that a run needs no notebook to be continued. The same frame and settings are prepared
        once. What was left out is reported, as warnings of ``logging``.

        Ids are text: whole numbers keep every digit (``17850.0`` is ``17850``), missing values
        are left out and counted, and a column whose ids could not be distinguished exactly (several
        types in one column, floating-point numbers beyond 2**53) is refused.

        Args:
            frame: the log, one row an event: a pandas DataFrame (a named index counts as a
                column), or whatever streams Arrow (a Polars DataFrame, a PyArrow table or reader,
                a DuckDB relation); or a file, folder, glob or address, a list of them, or the
                ``log`` section of an experiment.
            user, item, time: names of its columns. Without ``item`` all events are of one item,
                for predictions about users only; without ``time`` or ``order`` histories are sets
                (``split="random"``).
            items: a side table, in the same forms: one row an item. Its key is the column that is
                called like the log's, or ``item_key=…``; of a frame, a column called ``title``
                holds the titles, or ``item_title=…``.
            users: likewise, with ``user_key=…``.
            item_features: what a model may read of the items: names of columns of a frame, whose
                kinds follow from their types (text and categories are categorical, numbers
                numeric, lists of fractions vectors, other lists multi-valued), or kinds by name as
                in an experiment: ``{"brand": "categorical", "tags": {"kind": "multivalued"}}``.
            user_features: likewise.
            event_features: what a model may read of the events, beside their items: columns of the
                log, likewise, of the kinds categorical and numeric.
            item_attributes: what an exported model may be asked to filter by (``filters=[…]`` in
                training): columns of the items, likewise, of the kinds categorical, multivalued and
                numeric. No training reads them.
            runs_dir: the folder of all runs.
            keywords: further columns by role (``order``, ``event``, ``value``, ``quantity``,
                ``session``, ``channel``, ``campaign``, and ``split``, a column that holds train,
                validation or test); ``split`` may also be a kind (``"leave_one_out"``) or a
                section; and every key of an experiment's ``data`` section by the last part of its
                name (``minimum_user_events=5``, ``event_weights={…}``, ``test_from="2026-01-01"``),
                where two tables have it in full: ``**{"items.duplicates": "first"}``.

        Returns:
            The dataset; :attr:`source` is the section of an experiment that gives it again.

        Raises:
            InputError: anything about the frames, the keywords or the disk that a user can mend.

        Example:
            >>> import tempfile
            >>> import pandas as pd
            >>> log = pd.DataFrame({
            ...     "u": ["ann", "bob"] * 5,
            ...     "i": ["x", "x", "y", "z", "z", "y", "w", "w", "x", "x"],
            ...     "t": pd.date_range("2026-01-01", periods=10, tz="UTC"),
            ... })
            >>> data = Dataset.from_frame(
            ...     log, user="u", item="i", time="t", validation_quantile=0.5, test_quantile=0.7,
            ...     runs_dir=tempfile.mkdtemp(),
            ... )
            >>> data.events, data.users, data.items, data.item_ids[0]
            (10, 2, 4, 'x')
        """
        # The training core opens datasets and prepares none.
        from recsys.data.prepare.from_frame import dataset_from_frame

        return dataset_from_frame(
            frame,
            {"item": items, "user": users},
            {"item": item_features, "user": user_features, "event": event_features},
            item_attributes,
            runs_dir,
            {"user": user, "item": item, "time": time, **keywords},
        )

    def __repr__(self) -> str:
        from recsys.data.prepare.shown import as_text

        return as_text(self.manifest, self.path)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from recsys.data.prepare.shown import as_html

        return as_html(self.manifest, self.path)

    @property
    def statistics(self) -> "DatasetStatistics":
        """The log in numbers, before anything is trained: tables of pandas.

        Example:
            >>> data.statistics.parts().loc["train", "events"].item()
            972
        """
        from recsys.data.dataset_statistics import DatasetStatistics

        return DatasetStatistics(self)

    @property
    def plot(self) -> "DatasetPlots":
        """The same in pictures: figures of Matplotlib.

        Example:
            >>> figure = data.plot.long_tail()
        """
        from recsys.reports.dataset_plots import DatasetPlots

        return DatasetPlots(self)

    def verify(self) -> None:
        """Compares the content of every file with the manifest; reads them all.

        Raises:
            Damaged: a file is not what was written.

        Example:
            >>> data.verify()
        """
        check(self.path, self.manifest.files, MEND)

    def array(self, name: str) -> np.ndarray:
        """An array by the name of its file, memory-mapped.

        Args:
            name: such as ``event_values``, without the ending.

        Raises:
            Damaged: it is missing or damaged.

        Example:
            >>> data.array("event_items").dtype.name
            'int32'
        """
        file = self.path / f"{name}.npy"
        with reading(file, MEND):
            return np.load(file, mmap_mode="r", allow_pickle=False)

    @cached_property
    def user_offsets(self) -> np.ndarray:
        """int64 [users + 1]: where the events of each user begin in the event arrays.

        Example:
            >>> data.user_offsets[:3].tolist()
            [0, 20, 40]
        """
        return self.array("user_offsets")

    @cached_property
    def part_ends(self) -> np.ndarray:
        """int64 [users, 2]: where the training and the validation events of each user end.

        Example:
            >>> data.part_ends.shape
            (60, 2)
        """
        return self.array("part_ends")

    @cached_property
    def event_items(self) -> np.ndarray:
        """int32 [events]: the index of the item of each event.

        Example:
            >>> data.item_ids[data.event_items[0]]
            'i20'
        """
        return self.array("event_items")

    @cached_property
    def event_weights(self) -> np.ndarray:
        """float32 [events]: what each event weighs as a target; 0: it is context only.

        Example:
            >>> data.event_weights.min().item(), data.event_weights.max().item()
            (1.0, 1.0)
        """
        return self.array("event_weights")

    @cached_property
    def event_times(self) -> np.ndarray:
        """int64 [events]: when each event was, in microseconds since 1970 UTC.

        Example:
            >>> data.event_times.dtype.name
            'int64'
        """
        return self.array("event_times")

    @cached_property
    def history_ends(self) -> np.ndarray:
        """int64 [events]: the end (exclusive) of what precedes each event.

        Example:
            >>> data.history_ends[:3].tolist()
            [0, 1, 2]
        """
        return self.array("history_ends")

    @cached_property
    def item_counts(self) -> np.ndarray:
        """int64 [items, 3]: events of each item in training, validation and test.

        Example:
            >>> data.item_counts.sum(axis=0).tolist()
            [972, 108, 120]
        """
        return self.array("item_counts")

    @cached_property
    def item_targets(self) -> np.ndarray:
        """int64 [items, 3]: those of them whose weight is above 0.

        Example:
            >>> bool((data.item_targets == data.item_counts).all())
            True
        """
        return self.array("item_targets") if self.manifest.has_context else self.item_counts

    def recommendable(self, last_part: Part) -> np.ndarray:
        """Which items may be recommended by what was fitted on the log up to a part.

        Context is not: items whose events in the fitted parts all weigh 0 (searches, filters,
        what was only looked at), as far as those parts show, and those that are never a target.
        Items that appear later, or in the item table only, are recommended where features
        describe them.

        Returns:
            bool [items].

        Example:
            >>> data.recommendable("train").sum().item()
            24
        """
        if not self.manifest.has_context:
            return np.ones(self.items, dtype=bool)
        fitted = slice(PARTS.index(last_part) + 1)
        counts, targets = np.asarray(self.item_counts), np.asarray(self.item_targets)
        known_as_context = counts[:, fitted].any(axis=1) & ~targets[:, fitted].any(axis=1)
        always_context = counts.any(axis=1) & ~targets.any(axis=1)
        return np.asarray(~(known_as_context | always_context))

    def feature(self, side: Side, name: str) -> np.ndarray:
        """The array of one feature, a row per user, item or event (:mod:`recsys.data.feature`).

        Example:
            >>> data.feature("item", "colour").shape
            (24,)
        """
        return self.array(f"features/{side}.{name}")

    def vocabulary(self, side: Side, name: str) -> list[str]:
        """The values of a categorical, multi-valued or text feature, from index 1 on.

        Example:
            >>> data.vocabulary("item", "colour")
            ['blue', 'red']
        """
        return self._column(f"features/{side}.{name}.vocabulary.parquet", "value")

    @cached_property
    def user_ids(self) -> list[str]:
        """User ids in index order.

        Example:
            >>> data.user_ids[:3]
            ['u0', 'u1', 'u10']
        """
        return self._column("users.parquet", "user_id")

    @cached_property
    def user_places(self) -> dict[str, int]:
        """Index of each user id.

        Example:
            >>> data.user_places["u1"]
            1
        """
        return {user: place for place, user in enumerate(self.user_ids)}

    def stored_user_id(self, user: str) -> str:
        """The id of a user as it stands in the dataset: where it has pseudonyms, that of the id.

        Args:
            user: an id of the log, as normal ids are; a pseudonym that the dataset has stays.

        Raises:
            InputError: the key of the pseudonyms is not here, or it is another one.

        Example:
            >>> data.stored_user_id("u1")
            'u1'
        """
        return self._stored_id(user)

    @cached_property
    def _stored_id(self) -> StoredId:
        what = f"the dataset {self.path}"
        return stored_id(self.manifest.pseudonyms, self.user_places, what)

    @cached_property
    def item_ids(self) -> list[str]:
        """Item ids in index order.

        Example:
            >>> len(data.item_ids)
            24
        """
        return self._column("items.parquet", "item_id")

    @cached_property
    def item_titles(self) -> list[str]:
        """Item titles in index order; the id where the item table has none.

        Example:
            >>> data.item_titles[data.item_ids.index("i3")]
            'Item <3>'
        """
        return self._column("items.parquet", "title")

    def event_names(self, role: str) -> list[str]:
        """Names of the channels or campaigns, in index order.

        Args:
            role: one of :data:`NAMED_ROLES` that the log maps.

        Example:
            >>> data.event_names("channel")  # doctest: +SKIP
            ['app', 'shop']
        """
        return self._column(f"{role}s.parquet", "name")

    def attribute(self, name: str) -> "pa.ChunkedArray":
        """An attribute of the items (``data.items.attributes``), exactly as it was read.

        Returns:
            A row per item: a list of texts, empty where it has none; or a float64, null where it
            has none.

        Example:
            >>> data.attribute("colour")[data.item_ids.index("i3")].as_py()  # doctest: +SKIP
            ['red']
        """
        return self._table(ATTRIBUTES, name)[name]

    def _column(self, name: str, column: str) -> list[str]:
        return self._table(name, column)[column].to_pylist()

    def _table(self, name: str, column: str) -> "pa.Table":
        # Ids are needed by people and by the export, never by the training
        # core, which must import without PyArrow.
        from recsys.protection.encryption import read_table

        file = self.path / name
        if name in self.manifest.files:
            check(self.path, {name: self.manifest.files[name]}, MEND)
        with reading(file, MEND):
            return read_table(file, [column])

    def part_range(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Begin and end (int64 [users]) of every user's events of one part.

        Example:
            >>> begins, ends = data.part_range("test")
            >>> (ends - begins).sum().item()
            120
        """
        offsets = self.user_offsets
        bounds = (offsets[:-1], self.part_ends[:, 0], self.part_ends[:, 1], offsets[1:])
        index = PARTS.index(part)
        return np.asarray(bounds[index]), np.asarray(bounds[index + 1])

    def fitted_events(self, last_part: Part) -> np.ndarray:
        """int64: positions of the events up to and including a part, by user and time.

        Example:
            >>> len(data.fitted_events("train"))
            972
        """
        return ranges(self.user_offsets[:-1], self.part_range(last_part)[1])

    def queries(self, part: Part, last_only: bool = False) -> Queries:
        """Builds the queries of a part, in (user, time) order.

        Args:
            part: whose events are the targets. Events of weight 0 are none.
            last_only: only the last query of every user (protocol TIME-LAST).

        Example:
            >>> queries = data.queries("test")
            >>> len(queries), queries.users.dtype.name
            (120, 'int32')
        """
        begins, ends = self.part_range(part)
        users = np.repeat(np.arange(self.users, dtype=np.int32), ends - begins)
        events = ranges(begins, ends)
        is_target = self.event_weights[events] > 0
        users, events = users[is_target], events[is_target]
        history_ends = np.asarray(self.history_ends[events])
        if last_only and len(users):
            ends = np.append(np.flatnonzero(users[1:] != users[:-1]), len(users) - 1)
            last_group = np.repeat(history_ends[ends], np.diff(ends, prepend=-1))
            last = history_ends == last_group
            users, events, history_ends = users[last], events[last], history_ends[last]
        items = np.asarray(self.event_items[events])
        return Queries.of_events(users, events, history_ends, items)
