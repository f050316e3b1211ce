"""Addresses of items' pictures, from a table of items, for the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recsys.data.sources.text import normal_id
from recsys.errors import InputError

SCHEMES = ("http", "https")


def read_pictures(table: Path, column: str, experiment: Mapping[str, Any]) -> dict[str, str]:
    """Addresses by item id; what is not an address of the web is left out.

    Args:
        table: of items, CSV or Parquet.
        column: with the addresses.
        experiment: of the model, which names the column with the ids.

    Raises:
        InputError: there is no such file, or it lacks a column.
    """
    import pandas as pd

    key = _key(experiment)
    if not table.is_file():
        raise InputError(f"--items {table}: there is no such file")
    try:
        if table.suffix == ".parquet":
            rows = pd.read_parquet(table)
        else:
            rows = pd.read_csv(table, dtype=str)
    except Exception as error:
        raise InputError(f"--items {table} cannot be read: {error}") from error
    for name, option in ((key, "the ids"), (column, "--picture")):
        if name not in rows:
            raise InputError(
                f"--items {table} has no column {name!r} ({option}); it has: "
                f"{', '.join(map(str, rows.columns))}"
            )
    rows = rows[[key, column]].dropna()
    found = {
        normal_id(str(item)): str(address).strip()
        for item, address in zip(rows[key], rows[column], strict=True)
        if is_address(str(address).strip())
    }
    if not found:
        raise InputError(
            f"--items {table}: no row of {column!r} is an address that begins with https:// or "
            "http://"
        )
    return found


def is_address(text: str) -> bool:
    """Whether a browser may fetch a picture from it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.netloc)


def _key(experiment: Mapping[str, Any]) -> str:
    data = experiment.get("data") or {}
    items, log = data.get("items") or {}, data.get("log") or {}
    return items.get("key") or (log.get("columns") or {}).get("item") or "item_id"
