"""What a feature kind is: settings that make an array of a column, and read it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import ibis.expr.types as ir
import numpy as np
from ibis.backends.duckdb import Backend
from pydantic import Field

from recsys.config import StrictConfig
from recsys.data.feature import Feature, Side
from recsys.data.manifest import PARTS
from recsys.data.sources.numbers import NumberFormat

Holds = Literal["categories", "numbers"]
_PREFIX = "feature."


def feature_column(name: str) -> str:
    """The column of a feature in a table of the engine."""
    return f"{_PREFIX}{name}"


def is_feature_column(column: str) -> bool:
    """Whether a column of a table of the engine is that of a feature."""
    return column.startswith(_PREFIX)


@dataclass(frozen=True)
class Learned:
    """What a model learned a feature by, which later values are encoded with.

    Attributes:
        feature: describes the array that it was trained on.
        words: the vocabulary, from index 1 on; empty: the kind has none.
    """

    feature: Feature
    words: Sequence[str]


@dataclass(frozen=True)
class Column:
    """The column of a feature.

    Attributes:
        name: of the feature.
        side: whose it is.
        folder: the dataset's ``features`` folder.
        con: the engine.
        number_format: how numbers are written in text.
        max_unusable: share of the values that may be unusable.
        limit: the setting that says so.
        learned: vocabulary, mean and width that are there already; None: the values give them.
    """

    name: str
    side: Side
    folder: Path
    con: Backend
    number_format: NumberFormat
    max_unusable: float
    limit: str
    learned: Learned | None = field(default=None, kw_only=True)

    @property
    def what(self) -> str:
        """The feature in messages."""
        return f"{self.side} feature {self.name!r}"

    @property
    def file(self) -> Path:
        """Of the array."""
        return self.folder / f"{self.side}.{self.name}.npy"


@dataclass(frozen=True)
class FeatureColumn(Column):
    """The column of a side table, and where its array goes.

    Attributes:
        values: columns ``index`` (row of the array) and ``value`` (as read, never null).
        size: rows of the array.
        home: where relative paths begin; None: the table is remote.
    """

    values: ir.Table
    size: int
    home: Path | None

    def save(self, array: np.ndarray) -> None:
        """Writes the array, a row per user or item."""
        np.save(self.file, np.ascontiguousarray(array))


@dataclass(frozen=True)
class EventColumn(Column):
    """The column of a log, whose array is written with the events.

    Attributes:
        events: the log, with columns ``value`` (as read; null: missing), ``row`` (where it stood)
            and ``part`` (0: training, which alone says what values there are).
    """

    events: ir.Table

    @property
    def training(self) -> ir.Table:
        """The events that are learned from."""
        return self.events.filter(self.events.part == PARTS.index("train"))


class FeatureConfig(Protocol):
    """Settings of a feature, of one kind.

    :class:`BaseFeatureConfig` answers everything but ``kind`` and ``encode`` as the simplest
    kinds do. Nothing else in this room asks which kind it has.

    Attributes:
        kind: names it in an experiment.
        column: in the table; None: it has the feature's name.
        names_files: whether its values are paths of files, whose content belongs to the data.
        of_events: whether a column of the log may be one, with a value an event.
        holds: what people may group or average; None: only a model reads it.
    """

    names_files: ClassVar[bool]
    of_events: ClassVar[bool]
    holds: ClassVar[Holds | None]

    @property
    def kind(self) -> str: ...

    @property
    def column(self) -> str | None: ...

    def check(self, name: str, side: Side) -> None:
        """Refuses a side that cannot have the feature.

        Raises:
            ValueError: naming the feature.
        """
        ...

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        """Writes the array; 0 everywhere in a row: its value is missing.

        Returns:
            What describes the array, and notes on values that cannot be used.

        Raises:
            InputError: the values cannot be read as the kind.
        """
        ...

    def encode_events(self, column: EventColumn) -> tuple[Feature, ir.Table, list[str]]:
        """Makes numbers of the values of a log, if it has :attr:`of_events`.

        Vocabulary, mean and deviation are those of the training events.

        Returns:
            What describes the array; the events with the array's numbers as ``value``, 0 where
            the value is missing; and notes on values that cannot be used.

        Raises:
            InputError: the values cannot be read as the kind.
        """
        ...

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        """What a caller of the exported model would send.

        Args:
            feature: describes the array.
            values: rows of it.
            words: the vocabulary, with ``""`` for index 0; empty: the kind has none.

        Returns:
            A row per row of ``values``.
        """
        ...


class BaseFeatureConfig(StrictConfig):
    """The answers that suit the simplest kinds; see :class:`FeatureConfig`."""

    names_files: ClassVar[bool] = False
    of_events: ClassVar[bool] = False
    holds: ClassVar[Holds | None] = None

    kind: str
    column: str | None = Field(
        None, description="column in the table; the feature's name by default"
    )

    def check(self, name: str, side: Side) -> None:
        """Users and items may have it, and events where it has :attr:`of_events`."""
        if side == "event" and not self.of_events:
            raise ValueError(
                f"the feature {name!r} is of kind {self.kind}, which items and users may have: of "
                "an event one value is read (categorical or numeric)"
            )

    def encode_events(self, column: EventColumn) -> tuple[Feature, ir.Table, list[str]]:
        """Never asked for, as :meth:`check` refuses it first."""
        raise NotImplementedError(self.kind)

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        """The array is what a caller would send."""
        return values
