"""Lets the runs folder be moved and copied: MLflow writes absolute addresses into its store."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

logger = logging.getLogger(__name__)

# Of the experiment that every store has: where its artefacts lay when it was last opened.
ROOT_TAG = "recsys.artifacts"
DEFAULT_EXPERIMENT = 0
# Where MLflow 3 keeps addresses of artefacts.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)
# Other processes may be writing.
SECONDS = 60.0


def adopt(database: Path, root: str) -> None:
    """Rewrites the artefacts' addresses if the store was moved, or is a copy.

    In one transaction, which SQLite keeps other processes out of. What a copy
    was made from is another file, and stays as it is.

    Args:
        database: the SQLite store.
        root: address of the folder with its artefacts, where it lies now.

    Raises:
        sqlite3.Error: it is not a store of MLflow, or is damaged.
    """
    with closing(sqlite3.connect(database, timeout=SECONDS, isolation_level=None)) as con:
        if _recorded(con) == root:
            return
        con.execute("BEGIN IMMEDIATE")
        before = _recorded(con)
        if before is None:
            _settle(con, root)
        elif before != root:
            _rewrite(con, before, root)
        con.execute(
            "INSERT OR REPLACE INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?)",
            (ROOT_TAG, root, DEFAULT_EXPERIMENT),
        )
        con.execute("COMMIT")


def _recorded(con: sqlite3.Connection) -> str | None:
    found = con.execute(
        "SELECT value FROM experiment_tags WHERE key = ? AND experiment_id = ?",
        (ROOT_TAG, DEFAULT_EXPERIMENT),
    ).fetchone()
    return found[0] if found else None


def _settle(con: sqlite3.Connection, root: str) -> None:
    """A new store's own experiment would keep its artefacts in the working directory."""
    con.execute(
        "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ? "
        "AND NOT EXISTS (SELECT * FROM runs WHERE runs.experiment_id = experiments.experiment_id)",
        (root, DEFAULT_EXPERIMENT),
    )


def _rewrite(con: sqlite3.Connection, before: str, root: str) -> None:
    for table, column in ADDRESSES:
        con.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
            f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (root, len(before) + 1, before, len(before) + 1, f"{before}/"),
        )
    there, here = _folder(before), _folder(root)
    if there.is_dir() and not here.is_dir():
        logger.warning(
            "the MLflow store was moved without its artefacts: copy %s to %s", there, here
        )


def _folder(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))
