"""Values within records: JSON objects and Parquet structs, by dotted path such as ``user.id``."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

SAMPLE = 1_000
DEEPEST = 5


def with_paths(table: ir.Table, paths: Iterable[str]) -> ir.Table:
    """A table with a further column for each path into its records.

    A field of a struct keeps its type, a field of JSON is text; null where a record lacks it.

    Args:
        table: as read.
        paths: names with dots between them; those that lead nowhere are left out.
    """
    found = {path: _nested(table, path) for path in paths if path not in table.columns}
    return table.mutate(**{path: value for path, value in found.items() if value is not None})


def _nested(table: ir.Table, path: str) -> ir.Column | None:
    """The values at a path whose beginning is a column that holds records; None if none is."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        if name in table.columns:
            return _within(table[name], parts[length:])
    return None


def _within(value: ir.Column, fields: list[str]) -> ir.Column | None:
    for place, field in enumerate(fields):
        kind = value.type()
        if kind.is_struct():
            if field not in kind.fields:
                return None
            value = value[field]
        elif kind.is_string() or kind.is_json():
            text = value.cast("string")
            record = ibis.ifelse(_is_json(text), text, ibis.null("string"))
            return _extracted(record, "$" + "".join(f'."{each}"' for each in fields[place:]))
        else:
            return None
    return value


@ibis.udf.scalar.builtin(name="json_valid")
def _is_json(text: str) -> bool:  # type: ignore[empty-body]
    """Whether text is JSON."""


@ibis.udf.scalar.builtin(name="json_extract_string")
def _extracted(text: str, path: str) -> str:  # type: ignore[empty-body]
    """What is at a path, as text."""


def flattened(table: ir.Table) -> ir.Table:
    """All single values of a table, those within records under their dotted paths.

    Args:
        table: as read; the fields of JSON are those of its first thousand records.
    """
    found: dict[str, ir.Value] = {}
    for name, kind in table.schema().items():
        if kind.is_array() or kind.is_map():
            continue
        paths = [f"{name}.{path}" for path in _paths(table[name], kind)]
        found |= {path: _nested(table, path) for path in paths} if paths else {name: table[name]}
    return table.select(**found)


def _paths(value: ir.Column, kind: dt.DataType) -> list[str]:
    """Paths of the single values within a column; none where it holds single values itself."""
    if kind.is_struct():
        return [path for path, _ in _fields_of(kind)]
    if not (kind.is_string() or kind.is_json()):
        return []
    text = value.cast("string").name("text").as_table().limit(SAMPLE)
    given = [each for each in text.to_pyarrow()["text"].to_pylist() if each]
    if not given or not all(each.lstrip().startswith("{") for each in given):
        return []
    try:
        records = [json.loads(each) for each in given]
    except ValueError:
        return []
    return list(dict.fromkeys(path for record in records for path in _keys_of(record)))


def _fields_of(kind: Any) -> Iterator[tuple[str, dt.DataType]]:
    for name, inner in kind.fields.items():
        if inner.is_struct():
            yield from ((f"{name}.{path}", deeper) for path, deeper in _fields_of(inner))
        elif not (inner.is_array() or inner.is_map()):
            yield name, inner


def _keys_of(record: dict[str, Any], depth: int = 1) -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from (f"{name}.{path}" for path in _keys_of(value, depth + 1))
        elif not isinstance(value, (dict, list)):
            yield name
