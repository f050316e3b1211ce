"""Several categories: int32 [n, width], their indices in the vocabulary, padded with 0."""

from typing import Any, ClassVar, Literal

import ibis.expr.types as ir
from pydantic import Field

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import FeatureColumn, Holds
from recsys.data.prepare.features.vocabulary import VocabularyFeature, unnested

# What may stand between several values, the likeliest first.
SEPARATORS = ("|", ",", ";", "/")
# The setting of what does.
SEPARATOR: Any = Field("|", min_length=1, description="between the values of a text column")


class MultivaluedFeature(VocabularyFeature):
    """Several values, such as genres or tags: a list column, or text with a separator."""

    holds: ClassVar[Holds | None] = "categories"

    kind: Literal["multivalued"]
    separator: str = SEPARATOR
    max_values: int = Field(16, ge=1, description="values kept of one row, the first ones")

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        values, notes = entries(column, self.separator)
        array, size, rare = self.write_vocabulary(column, values, self.max_values)
        column.save(array)
        width = array.shape[1]
        return Feature(name=column.name, kind=self.kind, width=width, vocabulary_size=size), [
            *notes,
            *rare,
        ]


def entries(column: FeatureColumn, separator: str) -> tuple[ir.Table, list[str]]:
    """The single values of a column of several.

    Args:
        column: of lists, or of text.
        separator: between the values of text.

    Returns:
        Columns ``index``, ``position`` and ``value``; and a note if something else seems to
        separate them.
    """
    value = column.values.value
    lists = value if value.type().is_array() else value.cast("string").split(separator)
    values = unnested(column.values.select("index", value=lists), column.what)
    return values, _hint(value, separator, column.what)


def _hint(value: ir.Column, separator: str, what: str) -> list[str]:
    """A note if the values look as if something else separated them."""
    if value.type().is_array():
        return []
    text = value.cast("string")
    signs = (separator, *SEPARATORS)
    counted = {str(number): text.contains(sign).sum() for number, sign in enumerate(signs)}
    table = text.name("text").as_table().aggregate(rows=value.count(), **counted)
    rows, now, *others = (int(n or 0) for n in table.to_pyarrow().to_pylist()[0].values())
    most = max(others)
    if now or 2 * most <= rows:
        return []
    likely = SEPARATORS[others.index(most)]
    return [
        f"{what}: no value holds the separator {separator!r}, but {most:,} of {rows:,} "
        f'hold {likely!r}: to split them there, set `separator: "{likely}"`'
    ]
