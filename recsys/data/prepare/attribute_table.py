"""The attributes of all items as one table of the dataset."""

from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsys.data.dataset import ATTRIBUTES
from recsys.data.prepare.attributes import AttributeColumn, attribute_column
from recsys.data.prepare.side_table import SideTable


def write_attributes(
    con: Backend, items: SideTable, index: ir.Table, size: int, folder: Path
) -> list[str]:
    """Writes ``attributes.parquet``.

    Args:
        con: the engine.
        items: the rows of the item table.
        index: columns ``id`` and ``index``, of every item.
        size: how many items there are.
        folder: of the dataset.

    Returns:
        Notes on values that cannot be used.

    Raises:
        InputError: an attribute whose values cannot be read as its kind.
    """
    found: dict[str, pa.Array] = {}
    notes: list[str] = []
    table, config = items.table, items.config
    for name, attribute in config.attributes.items():
        values = table.select(id=table.id, value=table[attribute_column(name)])
        joined = index.inner_join(values, "id").select("index", "value")
        column = AttributeColumn(
            name=name,
            side="item",
            values=joined.filter(joined.value.notnull()),
            size=size,
            folder=folder,
            con=con,
            number_format=config.number_format,
            max_unusable=config.max_unusable,
            limit="max_unusable",
            home=items.folder,
        )
        found[name], told = attribute.read(column)
        notes += told
    pq.write_table(pa.table(found), folder / ATTRIBUTES)
    return notes
