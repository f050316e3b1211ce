"""What a feature kind is: settings that make an array of a column, and read it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import ibis.expr.types as ir
import numpy as np
from ibis.backends.duckdb import Backend
from pydantic import Field

from recsys.config import StrictConfig
from recsys.data.feature import Feature, Side
from recsys.data.sources.numbers import NumberFormat

Holds = Literal["categories", "numbers"]


@dataclass(frozen=True)
class FeatureColumn:
    """The column of a feature, and where its array goes.

    Attributes:
        name: of the feature.
        side: whose it is.
        values: columns ``index`` (row of the array) and ``value`` (as read, never null).
        size: rows of the array.
        folder: the dataset's ``features`` folder.
        con: the engine.
        number_format: how numbers are written in text.
        max_unusable: share of the values that may be unusable.
        home: where relative paths begin; None: the table is remote.
    """

    name: str
    side: Side
    values: ir.Table
    size: int
    folder: Path
    con: Backend
    number_format: NumberFormat
    max_unusable: float
    home: Path | None

    @property
    def what(self) -> str:
        """The feature in messages."""
        return f"{self.side} feature {self.name!r}"

    @property
    def file(self) -> Path:
        """Of the array."""
        return self.folder / f"{self.side}.{self.name}.npy"

    def save(self, array: np.ndarray) -> None:
        """Writes the array, a row per user or item."""
        np.save(self.file, np.ascontiguousarray(array))


class FeatureConfig(Protocol):
    """Settings of a feature, of one kind.

    :class:`BaseFeatureConfig` answers everything but ``kind`` and ``encode`` as the simplest
    kinds do. Nothing else in this room asks which kind it has.

    Attributes:
        kind: names it in an experiment.
        column: in the table; None: it has the feature's name.
        names_files: whether its values are paths of files, whose content belongs to the data.
        holds: what people may group or average; None: only a model reads it.
    """

    names_files: ClassVar[bool]
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
    holds: ClassVar[Holds | None] = None

    kind: str
    column: str | None = Field(
        None, description="column in the table; the feature's name by default"
    )

    def check(self, name: str, side: Side) -> None:
        """Users and items may have it."""

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        """The array is what a caller would send."""
        return values
