"""A replayed log."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Replay:
    """A replayed log.

    Attributes:
        path: its folder, ``<runs-dir>/replays/<name>``.

    Example:
        >>> marketing.replay("december.yaml").actions.columns[:3].tolist()
        ['user', 'trigger', 'time']
    """

    path: Path

    @property
    def actions(self) -> "pd.DataFrame":
        """A row per trigger that fired: its user, its time, and what was recommended."""
        from recsys.runs.folder import RunFolder

        return RunFolder(self.path).table(self.path / "actions.parquet")

    def summary(self) -> str:
        """What fired, what was held back, and how long answers took."""
        from recsys.marketing.realtime.summary import replay_summary

        return replay_summary(self.path)

    def __str__(self) -> str:
        return self.summary()
