"""Which paths name a table of a lake, and which name files beneath one.

A folder of a table also holds files whose rows were removed or replaced. Read as plain files, they
would come back.
"""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from recsys.data.sources.addresses import expand_environment, is_http, open_filesystem
from recsys.data.sources.formats import LAKES, Format, Lake, format_by_name
from recsys.data.sources.lakes.snapshot import SPOKEN
from recsys.errors import InputError
from recsys.system.redaction import redact

DELTA_LOG = "_delta_log"
METADATA, METADATA_ENDING = "metadata", ".metadata.json"


def lake_of(path: str | Sequence[str], format: Format | None) -> Lake | None:
    """What kind of table a path names; None: it names files.

    Args:
        path: as in the experiment.
        format: as in the experiment; None: it is found out.

    Raises:
        InputError: ``format`` says Parquet of what is a table, or a list names one.
    """
    if not isinstance(path, str):
        for each in path:
            if lake_of(each, format) is not None:
                raise InputError(
                    f"`path` is a list in which {each} is a table: a table stands alone, not in "
                    "a list"
                )
        return None
    if format in LAKES:
        return format
    found = _recognised(expand_environment(path))
    if found is not None and format is not None:
        raise InputError(
            f"{path} is {_a(found)} table, which cannot be read as {format} files: some of them "
            f"hold rows that were removed. Take out `format: {format}`"
        )
    return found


def refuse_files_of_tables(files: Iterable[str]) -> None:
    """Refuses files that lie in the folder of a table.

    Args:
        files: local paths, or addresses.

    Raises:
        InputError: one does.
    """
    asked: set[str] = set()
    for file in files:
        for folder in _folders_above(file):
            if folder in asked:
                break
            asked.add(folder)
            found = _kind_of_folder(folder)
            if found is not None:
                raise InputError(
                    f"{redact(file)} is a file of the {SPOKEN[found]} table {redact(folder)}, of "
                    "which some files hold rows that were removed: name the table in `path`, "
                    f"with `format: {found}`"
                )


def _recognised(path: str) -> Lake | None:
    if path.endswith(METADATA_ENDING):
        return "iceberg"
    if glob.has_magic(path) or is_http(path) or format_by_name(path) is not None:
        return None
    return _kind_of_folder(path)


def _kind_of_folder(folder: str) -> Lake | None:
    if "://" in folder:
        filesystem = open_filesystem(folder)
        try:
            if filesystem.exists(f"{folder.rstrip('/')}/{DELTA_LOG}"):
                return "delta"
            names = filesystem.ls(f"{folder.rstrip('/')}/{METADATA}", detail=False)
        except Exception:  # each store has its own exceptions; reading raises the reason
            return None
    elif os.path.isdir(os.path.join(folder, DELTA_LOG)):
        return "delta"
    else:
        metadata = Path(folder) / METADATA
        names = [each.name for each in metadata.iterdir()] if metadata.is_dir() else []
    return "iceberg" if any(name.endswith(METADATA_ENDING) for name in names) else None


def _folders_above(file: str) -> list[str]:
    """Folders that a file lies in, the nearest first; not the root, nor a bucket's server."""
    scheme, mark, rest = file.rpartition("://")
    if scheme.startswith("http"):
        return []
    parts = PurePosixPath(rest) if mark else Path(os.path.abspath(file))
    above = [str(each) for each in parts.parents if str(each) not in (".", "/")]
    return [f"{scheme}{mark}{each}" for each in above]


def _a(lake: Lake) -> str:
    return f"{'an' if lake == 'iceberg' else 'a'} {SPOKEN[lake]}"
