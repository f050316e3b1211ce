"""The format of the documents that marketing writes: audiences, campaigns, uplift, replays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.system.results import check_format

# One more whenever a reader needs what an older document lacks.
FORMAT = 1


def with_format(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the number of its format."""
    return {"format": FORMAT, **document}


def of_this_format(document: Any, path: Path, mend: str) -> Any:
    """A document, if this version of recsys reads its format.

    Args:
        document: as it was read.
        path: of its file, for messages.
        mend: a sentence with the command that mends it.

    Raises:
        Damaged: it is of another one.
    """
    check_format(document, path, mend, FORMAT, "format")
    return document
