"""Filters: what a published model knows of its items, and what a request allows of it.

An attribute is a column of the item table (``data.items.attributes``), named by
``export.filters``. The signature ``recommend_filtered`` has an input for each, by its kind:

``values``
    string [batch, any], the texts of which an item must have one; none, or ``""`` alone: every
    item is allowed.
``range``
    float32 [batch, 2], the least and the largest number that an item may have, both included;
    NaN: that end is open, and of both: every item is allowed.

An item that lacks the attribute is allowed where every item is, and nowhere else. An item must be
allowed by every attribute.
"""

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.export.inputs import (
    EXCLUDE,
    HISTORY,
    HISTORY_TIME,
    ITEM_ID,
    USER_ID,
    InputFeatures,
    id_matrix,
    input_name,
)
from recsys.export.manifest import MEND
from recsys.system.reading import read_json

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "assets.extra/filters.json"
# Values that a message names.
SHOWN = 10

# What a request allows: by attribute, texts, or the ends of a range.
Where = Mapping[str, Sequence[str] | tuple[float, float]]


def check_names(filters: Sequence[str], features: InputFeatures) -> None:
    """Refuses attributes that have the name of another input.

    Args:
        filters: names of attributes (``export.filters``).
        features: that the model reads of users and events.

    Raises:
        InputError: there is one.
    """
    read = map(input_name, (*features.user, *features.event))
    taken = [HISTORY, HISTORY_TIME, EXCLUDE, USER_ID, ITEM_ID, *read]
    for name in filters:
        if name in taken:
            raise InputError(
                f"export.filters: the attribute {name!r} has the name of another input of the "
                f"SavedModel ({', '.join(taken)}). Give it another name in data.items.attributes "
                f"and set `column: {name}`."
            )


def attribute_columns(
    dataset: Dataset, filters: Sequence[str], items: int
) -> dict[str, "pa.Array"]:
    """By name the attributes of the first items (:meth:`recsys.data.dataset.Dataset.attribute`)."""
    return {name: dataset.attribute(name)[:items].combine_chunks() for name in filters}


def describe_filters(
    columns: Mapping[str, "pa.Array"], recommendable: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Attributes as the manifest has them.

    Args:
        columns: of all items of the catalogue.
        recommendable: bool [items], of which the description is.

    Returns:
        By name ``kind``, how many different ``values`` there are, and the ``share`` of the items
        that have one; of a range also the ``least`` and the ``largest`` number.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, column in columns.items():
        there = column.filter(recommendable)
        if _is_range(column):
            numbers = there.drop_null().to_numpy()
            found[name] = {
                "kind": "range",
                "values": len(np.unique(numbers)),
                "share": len(numbers) / max(len(there), 1),
                "least": float(numbers.min()) if len(numbers) else None,
                "largest": float(numbers.max()) if len(numbers) else None,
            }
        else:
            having = np.count_nonzero(np.diff(there.offsets.to_numpy()))
            share = having / max(len(there), 1)
            found[name] = {"kind": "values", "values": len(_values(there)), "share": share}
    return found


def filter_inputs(
    described: Mapping[str, Mapping[str, Any]], wheres: Sequence[Where]
) -> dict[str, np.ndarray]:
    """The inputs of some queries.

    Args:
        described: of :func:`describe_filters`.
        wheres: what each query allows; attributes that it does not name allow every item.
    """
    open_ends = (np.nan, np.nan)
    return {
        name: np.array([where.get(name, open_ends) for where in wheres], np.float32)
        if about["kind"] == "range"
        else id_matrix(where.get(name, ()) for where in wheres)  # type: ignore[misc]
        for name, about in described.items()
    }


def write_filters(
    folder: Path, columns: Mapping[str, "pa.Array"], recommendable: np.ndarray
) -> None:
    """Writes the values that recommendable items have of each attribute, the commonest first."""
    found = {
        name: _values(column.filter(recommendable))
        for name, column in columns.items()
        if not _is_range(column)
    }
    (folder / FILE).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def _is_range(column: "pa.Array") -> bool:
    import pyarrow as pa

    return pa.types.is_floating(column.type)


def _values(column: "pa.ListArray") -> list[str]:
    """Every value once, the commonest first (ties: by text)."""
    counts = column.flatten().value_counts().to_pylist()
    ordered = sorted(counts, key=lambda each: (-each["counts"], each["values"]))
    return [each["values"] for each in ordered]


class Filters:
    """The attributes that a published model can be filtered by.

    Args:
        folder: of the model.
        described: ``filters`` of its manifest.
    """

    def __init__(self, folder: Path, described: Mapping[str, Mapping[str, Any]]) -> None:
        self._folder = folder
        self._described = described
        self._known: dict[str, list[str]] | None = None

    def kind(self, name: str) -> str:
        """``values`` or ``range``.

        Raises:
            InputError: the model is not filtered by such an attribute.
        """
        if not self._described:
            raise InputError(
                f"{self._folder} was exported without filters, so it cannot be asked by {name!r}. "
                "Name attributes of the item table in `data.items.attributes` and in "
                "`export.filters`, and run it again."
            )
        if name not in self._described:
            raise InputError(
                f"{self._folder} has no filter {name!r}{_near(name, list(self._described))}. It "
                f"has: {', '.join(self._described)}."
            )
        return self._described[name]["kind"]

    def values(self, name: str) -> list[str]:
        """The values that items have of an attribute, the commonest first."""
        if self._known is None:
            self._known = read_json(self._folder / FILE, MEND)
        return self._known[name]

    def inputs(self, where: Where) -> dict[str, np.ndarray]:
        """One row of the input of every attribute.

        Args:
            where: what is allowed; attributes that it does not name allow every item.

        Raises:
            InputError: the model has no such filter, no item has such a value, or the ends of a
                range are no range.
        """
        for name, allowed in where.items():
            if self.kind(name) == "range":
                self._check_range(name, allowed)
            else:
                self._check_values(name, allowed)
        return filter_inputs(self._described, [where])

    def example(self) -> dict[str, list]:
        """A filter by every attribute that items have: the commonest value, or all numbers."""
        return {
            name: [[about["least"], about["largest"]]]
            if about["kind"] == "range"
            else [self.values(name)[:1]]
            for name, about in self._described.items()
            if about["values"]
        }

    def _check_values(self, name: str, allowed: Sequence[Any]) -> None:
        if not allowed:
            raise InputError(
                f"where: {name} allows no value, which a model reads as every item. Leave {name} "
                "out, or name values."
            )
        known = self.values(name)
        if unknown := sorted(set(allowed).difference(known)):
            there = ", ".join(map(repr, known[:SHOWN])) + (", …" if len(known) > SHOWN else "")
            raise InputError(
                f"where: no item that can be recommended has {name} "
                f"{' or '.join(map(repr, unknown))}{_near(unknown[0], known)}. There are: "
                f"{there or 'no values at all'}."
            )

    def _check_range(self, name: str, allowed: Sequence[Any]) -> None:
        about = self._described[name]
        if len(allowed) != 2:
            raise InputError(
                f"where: {name} is a number: give its least and its largest value, such as "
                f"({about['least']}, {about['largest']}); received {allowed!r}"
            )
        least, largest = allowed
        if math.isnan(least) and math.isnan(largest):
            raise InputError(f"where: {name} is open at both ends. Leave {name} out.")
        if least > largest:
            raise InputError(f"where: {name} begins at {least} and ends at {largest}, before it")


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
