"""Tables of versions of audiences and campaigns."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def versioned_table(version: Path, name: str) -> "pd.DataFrame":
    """A table of a version, checked.

    Raises:
        Damaged: the file is missing or has changed.
    """
    from recsys.marketing.versions import MEND, checked
    from recsys.protection.encryption import read_frame
    from recsys.system.reading import reading

    path = checked(version, name)
    with reading(path, MEND):
        return read_frame(path)
