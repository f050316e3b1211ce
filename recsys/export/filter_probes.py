"""Filters to try on an artefact, and what they allow by the dataset itself, for the parity gate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.export.filters import Where

# Longer than any value would be, and with characters that no table has.
UNKNOWN_VALUE = "\x00 a value that no item has"


def filter_probes(columns: Mapping[str, pa.Array], count: int) -> list[Where]:
    """Filters of each attribute in turn, of all forms, alone and then with the next attribute.

    Args:
        columns: the attributes of the items; there may be none.
        count: how many.
    """
    forms = [(name, _forms(column)) for name, column in columns.items()]
    wheres: list[Where] = []
    for number in range(count if forms else 0):
        rounds, place = divmod(number, len(forms))
        name, own = forms[place]
        where = {name: own[rounds % len(own)]}
        if (times := rounds // len(own)) and len(forms) > 1:
            other, others = forms[(place + 1) % len(forms)]
            where[other] = others[(rounds + times) % len(others)]
        wheres.append(where)
    return wheres


def _forms(column: pa.Array) -> list[Any]:
    """Filters of one attribute."""
    if pa.types.is_floating(column.type):
        numbers = column.drop_null().to_numpy()
        low, middle, high = np.quantile(numbers, [0.25, 0.5, 0.75]) if len(numbers) else (0, 0, 0)
        return [(low, high), (middle, np.nan), (np.nan, middle), (np.nan, np.nan)]
    counts = column.flatten().value_counts().to_pylist()
    values = [each["values"] for each in sorted(counts, key=lambda each: -each["counts"])]
    return [
        values[:1],
        [UNKNOWN_VALUE, *values[1:3]],
        ["", *values[:1], "", *values[-1:]],
        [UNKNOWN_VALUE],
    ]


def allowed_items(columns: Mapping[str, pa.Array], where: Where) -> np.ndarray:
    """Which items a filter allows (bool [items]), without the graph that is to be compared."""
    items = len(next(iter(columns.values())))
    allowed = np.ones(items, bool)
    for name, wanted in where.items():
        column = columns[name]
        if pa.types.is_floating(column.type):
            numbers = column.to_numpy(zero_copy_only=False).astype(np.float32)
            least, largest = np.float32(wanted[0]), np.float32(wanted[1])
            allowed &= (np.isnan(least) | (numbers >= least)) & (
                np.isnan(largest) | (numbers <= largest)
            )
        elif named := [value for value in wanted if value]:
            having = pc.is_in(column.flatten(), pa.array(named, pa.string()))
            owners = pc.list_parent_indices(column).to_numpy()[having.to_numpy(False)]
            has_one = np.zeros(items, bool)
            has_one[owners] = True
            allowed &= has_one
    return allowed
