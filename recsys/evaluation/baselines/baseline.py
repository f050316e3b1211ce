"""What every baseline can do."""

from collections.abc import Callable
from typing import Any, Protocol

from recsys.config import Seen
from recsys.data.dataset import Dataset, Part
from recsys.evaluation.ranking import Scorer

# Settings as the constructor takes them, and what fits the baseline with them.
Candidate = tuple[dict[str, Any], Callable[[], Scorer]]


class Baseline(Scorer, Protocol):
    """A scorer whose constructor takes a dataset, the last part to learn from, and settings."""

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        """Refuses what could not be fitted, before any work.

        Raises:
            InputError: the baseline does not fit into memory, or cannot run here.
        """
        ...

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """The settings worth trying on validation; none where the log lacks what is read.

        Nothing is fitted before it is asked for, and work that candidates share is
        done once. Keep one fitted candidate at a time: they may be large.

        Args:
            dataset: the log.
            part: the last part to learn from.
            seen: whether seen items may be recommended.
        """
        ...
