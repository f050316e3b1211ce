"""Attributes of items: columns of the item table, kept as they are for what is asked of a model.

No training reads them. The exported model recommends by them only what a request allows
(:mod:`recsys.export.filters`), so they are exact: every value, and no number rounded.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, Field

from recsys.config import StrictConfig
from recsys.data.prepare.features.feature import FeatureColumn
from recsys.data.prepare.features.kinds import plain_names
from recsys.data.prepare.features.multivalued import SEPARATOR, entries
from recsys.data.prepare.features.numeric import usable_numbers
from recsys.data.prepare.ids import identifier


class BaseAttributeConfig(StrictConfig):
    """What attributes of every kind may be told."""

    column: str | None = Field(
        None, description="column in the table; the attribute's name by default"
    )


class CategoricalAttribute(BaseAttributeConfig):
    """One text of each item, such as a category, a country or whether it is in stock."""

    kind: Literal["categorical"]

    def read(self, column: "AttributeColumn") -> tuple[pa.Array, list[str]]:
        """See :class:`AttributeColumn`."""
        text = identifier(column.values.value, f"the {column.what}")
        values = column.values.select("index", position=ibis.literal(0), value=text)
        return _lists(values, column.size), []


class MultivaluedAttribute(BaseAttributeConfig):
    """Several texts of each item, such as genres: a list column, or text with a separator."""

    kind: Literal["multivalued"]
    separator: str = SEPARATOR

    def read(self, column: "AttributeColumn") -> tuple[pa.Array, list[str]]:
        """See :class:`AttributeColumn`."""
        values, notes = entries(column, self.separator)
        return _lists(values, column.size), notes


class NumericAttribute(BaseAttributeConfig):
    """A number of each item, such as a price."""

    kind: Literal["numeric"]

    def read(self, column: "AttributeColumn") -> tuple[pa.Array, list[str]]:
        """See :class:`AttributeColumn`."""
        index, numbers, notes = usable_numbers(column)
        array = np.full(column.size, np.nan)
        array[index] = numbers
        different = len(np.unique(numbers))
        if (alike := different - len(np.unique(numbers.astype(np.float32)))) > 0:
            notes.append(
                f"{column.what}: {alike:,} of {different:,} numbers are equal to another one in "
                "float32, in which the exported model compares them (7 digits)"
            )
        return pa.array(array, from_pandas=True), notes


_Kind = Literal["categorical", "multivalued", "numeric"]
_AnyAttribute = Annotated[
    CategoricalAttribute | MultivaluedAttribute | NumericAttribute, Field(discriminator="kind")
]


def _long_form(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


# In an experiment, the kind alone is enough.
AnyAttribute = Annotated[
    _AnyAttribute, BeforeValidator(_long_form, json_schema_input_type=_Kind | _AnyAttribute)
]


def _attribute_names(attributes: dict[str, Any]) -> dict[str, Any]:
    return plain_names(attributes, "attribute")


# The attributes of the item table by their names.
Attributes = Annotated[dict[str, AnyAttribute], AfterValidator(_attribute_names)]


def attribute_column(name: str) -> str:
    """The column of an attribute in a table of the engine."""
    return f"attribute.{name}"


@dataclass(frozen=True)
class AttributeColumn(FeatureColumn):
    """The column of an attribute.

    The ``read`` of a kind makes of it an Arrow array with a row per item (a list of texts, or a
    number and null where there is none), and notes on values that cannot be used.
    """

    @property
    def what(self) -> str:
        return f"item attribute {self.name!r}"


def _lists(values: ir.Table, size: int) -> pa.ListArray:
    """The values of each row of the array, in their order; a row without any has none.

    Args:
        values: columns ``index``, ``position`` and ``value``.
        size: rows.
    """
    there = values.filter(values.value.notnull()).order_by("index", "position")
    table = there.select("index", "value").to_pyarrow()
    counts = np.bincount(table["index"].to_numpy(), minlength=size)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, table["value"].combine_chunks().cast(pa.string()))
