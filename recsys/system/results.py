"""What a run found, ``metrics.json``: its format, whichever task wrote it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsys.errors import Damaged
from recsys.system.recorded import RecordedFiles
from recsys.system.unfinished import Unfinished

# One more whenever a reader needs what an older file lacks.
FORMAT = 1
MEND = (
    "Run the experiment again, which makes it again; if what the experiment may say has changed, "
    "too, under another name"
)


def read_results(files: RecordedFiles, path: Path, keys: Sequence[str] = ()) -> dict[str, Any]:
    """A ``metrics.json`` of this version, compared with its digest.

    Args:
        files: of the run's folder.
        path: the file.
        keys: that the document has.

    Raises:
        Unfinished: the run was not evaluated yet.
        Damaged: it is missing or damaged, or another version of recsys wrote it.
    """
    if not path.is_file() and not files.recorded(path):
        raise Unfinished(path.parent, "metrics")
    check_format(files.read(path), path, MEND, FORMAT, "results format")
    return files.read(path, keys)


def check_format(document: Any, path: Path, mend: str, reads: int, what: str) -> None:
    """Refuses a document of another format than this version of recsys reads.

    Args:
        document: as it was read; its key ``format`` is the number.
        path: of its file.
        mend: a sentence with the command that mends it.
        reads: the number that is read.
        what: the format is called.

    Raises:
        Damaged: it is of another one, or of none.
    """
    found = document.get("format") if isinstance(document, dict) else None
    if found != reads:
        has = "has no number of a format" if found is None else f"has {what} {found!r}"
        raise Damaged(
            path, mend, f"{has}, this version of recsys reads {reads}: another version wrote it"
        )


def are_current(files: RecordedFiles, path: Path) -> bool:
    """Whether a ``metrics.json`` is one that this version reads."""
    try:
        read_results(files, path)
    except (Damaged, Unfinished):
        return False
    return True
