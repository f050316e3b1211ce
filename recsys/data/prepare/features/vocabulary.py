"""Values of a closed list, as numbers of a vocabulary."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import BaseFeatureConfig, Column, FeatureColumn
from recsys.data.prepare.ids import identifier


class VocabularyFeature(BaseFeatureConfig):
    """What kinds with a vocabulary may be told."""

    max_vocabulary: int = Field(20_000, ge=1, description="most frequent values kept")

    def write_vocabulary(
        self, column: FeatureColumn, values: ir.Table, width: int
    ) -> tuple[np.ndarray, int]:
        """Replaces values by numbers, from 1 for the most frequent one, and writes the vocabulary.

        Args:
            column: whose values they are.
            values: columns ``index``, ``position`` (in its row, from 0) and ``value``.
            width: values of a row that are kept, the first ones.

        Returns:
            int32 [size, columns in use], padded with 0, and the numbers in use, with 0.
        """
        numbered, size = self.number_values(column, values)
        coded = values.inner_join(numbered, "value")
        found = coded.select("index", "position", "code").order_by("index", "position").to_pyarrow()
        rows = found["index"].to_numpy()
        places = _count_within(rows)
        used = min(width, int(places.max()) + 1) if len(places) else 1
        array = np.zeros((column.size, used), dtype=np.int32)
        fits = places < used
        array[rows[fits], places[fits]] = found["code"].to_numpy()[fits]
        return array, size

    def number_values(self, column: Column, values: ir.Table) -> tuple[ir.Table, int]:
        """Writes the vocabulary of some values.

        Args:
            column: whose values they are.
            values: with a column ``value``, of which nulls are left out.

        Returns:
            Columns ``value`` and ``code``, from 1 for the most frequent one; and the numbers in
            use, with 0.
        """
        values = values.filter(values.value.notnull())
        counted = values.group_by("value").aggregate(n=values.count())
        ordered = counted.order_by(ibis.desc("n"), "value").limit(self.max_vocabulary)
        vocabulary = ordered.select("value").to_pyarrow()
        numbers = vocabulary.append_column("code", pa.array(np.arange(len(vocabulary)) + 1))
        table = f"vocabulary_{column.side}_{column.name}"
        column.con.create_table(table, numbers)
        pq.write_table(vocabulary, column.file.with_suffix(".vocabulary.parquet"))
        return column.con.table(table), len(vocabulary) + 1

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        return np.asarray(words, dtype=object)[values]


def unnested(rows: ir.Table, what: str) -> ir.Table:
    """A row per entry of the lists in ``value``, with its ``position``, as a normal id."""
    flat = rows.unnest("value", offset="position")
    return flat.select("index", "position", value=identifier(flat.value, f"the {what}"))


def _count_within(rows: np.ndarray) -> np.ndarray:
    """Position of each entry in its run of equal values: ``[3, 3, 7]`` gives ``[0, 1, 0]``."""
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1])[: len(rows)])
    lengths = np.diff(np.append(starts, len(rows)))
    return np.arange(len(rows)) - np.repeat(starts, lengths)
