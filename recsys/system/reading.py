"""Reads files that this package wrote, with one error for whatever is damaged."""

import contextlib
import errno
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recsys.errors import Damaged, InputError

# Errors of the system that a file is to blame for: the disk cannot read it, a folder is in its
# place, or it leads to a place that cannot be.
UNREADABLE = (errno.EIO, errno.EISDIR, errno.EINVAL)


@contextlib.contextmanager
def reading(path: Path, mend: str) -> Iterator[None]:
    """Within it, a file is parsed; that it cannot be is reported in one way, whatever the parser.

    Args:
        path: the file.
        mend: a sentence with the command that mends it.

    Raises:
        Damaged: it is missing, or cannot be parsed.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise Damaged(path, mend, "is missing") from error
    except OSError as error:
        # Parsers raise it without a number: of theirs are Arrow and HDF5.
        if error.errno is not None and error.errno not in UNREADABLE:
            raise
        raise Damaged(path, mend) from error
    except Exception as error:
        # What zip, NumPy, Arrow and YAML raise over bytes that anything may have happened to
        # has no common ancestor.
        raise Damaged(path, mend) from error


def check_archive(path: Path, mend: str) -> None:
    """Compares every part of a zip archive (``.npz``, ``.keras``) with its checksum.

    What reads such a file afterwards may trust the sizes that it names, and its ends.

    Args:
        path: the file.
        mend: a sentence with the command that mends it.

    Raises:
        Damaged: it is missing, or not what was written.
    """
    with reading(path, mend), zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise Damaged(path, mend)


def read_json(path: Path, mend: str, keys: Sequence[str] = ()) -> Any:
    """A JSON document of ours.

    Args:
        path: the file.
        mend: a sentence with the command that mends it.
        keys: what the document has, if it is what it should be and not another program's.

    Raises:
        Damaged: it is missing, is not JSON, or lacks a key.
    """
    with reading(path, mend):
        document = json.loads(path.read_text(encoding="utf-8"))
    return _with_keys(document, path, mend, keys)


def read_yaml(path: Path, mend: str, keys: Sequence[str] = ()) -> Any:
    """A YAML document of ours; see :func:`read_json`."""
    from recsys.system import yaml_text  # the training core reads none

    with reading(path, mend):
        try:
            document = yaml_text.read_yaml(path.read_text(encoding="utf-8"), str(path))
        except InputError as error:  # explains how to mend a file of one's own
            raise Damaged(path, mend) from error
    return _with_keys(document, path, mend, keys)


def _with_keys(document: Any, path: Path, mend: str, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            raise Damaged(path, mend, f"is not what recsys writes under that name (no {key!r})")
    return document
