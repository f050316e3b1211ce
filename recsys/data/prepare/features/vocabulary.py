"""Values of a closed list, as numbers of a vocabulary."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from recsys.data.feature import Feature, Side
from recsys.data.prepare.features.feature import BaseFeatureConfig, Column, FeatureColumn
from recsys.data.prepare.ids import identifier
from recsys.system.display import counted

# By whose features they are: the column that tells users apart, and how many a value has at least.
# Five is the least that an audience may have, too: a value of fewer tells who they are, and hardly
# anything is learned of it. Values of items do not describe users.
USERS: dict[Side, tuple[str, int]] = {"user": ("index", 5), "event": ("user", 1)}


class VocabularyFeature(BaseFeatureConfig):
    """What kinds with a vocabulary may be told."""

    max_vocabulary: int = Field(20_000, ge=1, description="most frequent values kept")
    minimum_users: int | None = Field(
        None,
        ge=1,
        description="users that a value has at least, of a feature of users or events: a rarer one "
        "is not in the vocabulary, which is exported, and counts as missing. 5 by default for "
        "features of users, 1 for those of events",
    )

    def check(self, name: str, side: Side) -> None:
        """Also refuses a minimum of users for a feature of items."""
        super().check(name, side)
        if side == "item" and self.minimum_users is not None:
            raise ValueError(
                f"the feature {name!r} is one of items, whose values do not describe users: leave "
                "`minimum_users` out (`data.minimum_item_users` is about items)"
            )

    def write_vocabulary(
        self, column: FeatureColumn, values: ir.Table, width: int
    ) -> tuple[np.ndarray, int, list[str]]:
        """Replaces values by numbers, from 1 for the most frequent one, and writes the vocabulary.

        Args:
            column: whose values they are.
            values: columns ``index``, ``position`` (in its row, from 0) and ``value``.
            width: values of a row that are kept, the first ones.

        Returns:
            int32 [size, columns in use], padded with 0; the numbers in use, with 0; and notes.
        """
        numbered, size, notes = self.number_values(column, values)
        coded = values.inner_join(numbered, "value")
        found = coded.select("index", "position", "code").order_by("index", "position").to_pyarrow()
        rows = found["index"].to_numpy()
        places = _count_within(rows)
        if column.learned is not None:
            used = column.learned.feature.width
            notes += _cut_note(column, rows[places == used])
        else:
            used = min(width, int(places.max()) + 1) if len(places) else 1
        array = np.zeros((column.size, used), dtype=np.int32)
        fits = places < used
        array[rows[fits], places[fits]] = found["code"].to_numpy()[fits]
        return array, size, notes

    def number_values(self, column: Column, values: ir.Table) -> tuple[ir.Table, int, list[str]]:
        """Writes the vocabulary of some values.

        Args:
            column: whose values they are.
            values: with a column ``value``, of which nulls are left out, and of features of users
                and events the column of :data:`USERS`.

        Returns:
            Columns ``value`` and ``code``, from 1 for the most frequent one; the numbers in use,
            with 0; and a note on the values that too few users have.
        """
        values = values.filter(values.value.notnull())
        if column.learned is not None:
            return _learned_numbers(column, column.learned.words, values)
        who, least = USERS.get(column.side, (None, 1))
        least = self.minimum_users or least
        users = ibis.literal(least) if who is None else values[who].nunique()
        found = values.group_by("value").aggregate(n=values.count(), users=users)
        notes = _rare_note(column, found.filter(found.users < least), least)
        found = found.filter(found.users >= least)
        ordered = found.order_by(ibis.desc("n"), "value").limit(self.max_vocabulary)
        vocabulary = ordered.select("value").to_pyarrow()
        numbers = vocabulary.append_column("code", pa.array(np.arange(len(vocabulary)) + 1))
        table = f"vocabulary_{column.side}_{column.name}"
        column.con.create_table(table, numbers)
        pq.write_table(vocabulary, column.file.with_suffix(".vocabulary.parquet"))
        return column.con.table(table), len(vocabulary) + 1, notes

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        return np.asarray(words, dtype=object)[values]


def _rare_note(column: Column, rare: ir.Table, least: int) -> list[str]:
    """How many values too few users have; not which."""
    told = rare.aggregate(values=rare.count(), rows=rare.n.sum()).to_pyarrow().to_pylist()[0]
    if not told["values"]:
        return []
    return [
        f"{column.what}: {counted(told['values'], 'value')} of fewer than {counted(least, 'user')} "
        f"each (`minimum_users`), in all {int(told['rows']):,} times, "
        f"{'counts' if told['values'] == 1 else 'count'} as missing"
    ]


def _learned_numbers(
    column: Column, words: Sequence[str], values: ir.Table
) -> tuple[ir.Table, int, list[str]]:
    """As :meth:`VocabularyFeature.number_values`, by a vocabulary that is there already."""
    table = f"vocabulary_{column.side}_{column.name}"
    codes = np.arange(len(words)) + 1
    known = pa.table({"value": pa.array(list(words), pa.string()), "code": codes})
    column.con.create_table(table, known)
    numbered = column.con.table(table)
    strange = values.anti_join(numbered, "value")
    told = strange.aggregate(
        values=strange.value.nunique(), rows=strange["index"].nunique(), example=strange.value.min()
    )
    found = told.to_pyarrow().to_pylist()[0]
    notes = []
    if found["values"]:
        notes.append(
            f"{column.what}: {counted(found['values'], 'value')} of "
            f"{counted(found['rows'], column.side)} that the model has not learned (such as "
            f"{found['example']!r}) "
            f"{'counts' if found['values'] == 1 else 'count'} as missing"
        )
    return numbered, len(words) + 1, notes


def _cut_note(column: Column, rows: np.ndarray) -> list[str]:
    """How many rows have more known values than the model reads.

    Args:
        column: whose values they are.
        rows: those that have a value behind the last one that is read.
    """
    if not len(rows):
        return []
    width = column.learned.feature.width if column.learned is not None else 0
    return [
        f"{column.what}: {counted(len(rows), column.side)} with more than the "
        f"{counted(width, 'value')} that the model reads; the first ones count"
    ]


def unnested(rows: ir.Table, what: str) -> ir.Table:
    """A row per entry of the lists in ``value``, with its ``position``, as a normal id."""
    flat = rows.unnest("value", offset="position")
    return flat.select("index", "position", value=identifier(flat.value, f"the {what}"))


def _count_within(rows: np.ndarray) -> np.ndarray:
    """Position of each entry in its run of equal values: ``[3, 3, 7]`` gives ``[0, 1, 0]``."""
    starts = np.flatnonzero(np.append(True, rows[1:] != rows[:-1])[: len(rows)])
    lengths = np.diff(np.append(starts, len(rows)))
    return np.arange(len(rows)) - np.repeat(starts, lengths)
