"""A saved audience."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.marketing.results.tables import versioned_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Audience:
    """A saved audience.

    Attributes:
        path: the folder of its version, ``<runs-dir>/audiences/<name>/<version>``.

    Example:
        >>> audience = marketing.build_audience("quiet.yaml")
        >>> audience.members.columns.tolist()
        ['user']
    """

    path: Path

    @property
    def members(self) -> "pd.DataFrame":
        """The users of the audience: ``user``, the id as in the log."""
        return versioned_table(self.path, "members.parquet")

    @property
    def counts(self) -> dict[str, Any]:
        """``audience.json``: how many users were picked, opted out, and are in each segment."""
        from recsys.marketing.versions import read_version

        return read_version(self.path, "audience.json", ["users", "of"])

    def summary(self) -> str:
        """How many users it has."""
        from recsys.marketing.audiences.summary import audience_summary

        return audience_summary(self.path)

    def __str__(self) -> str:
        return self.summary()
