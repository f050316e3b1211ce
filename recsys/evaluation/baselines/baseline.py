"""What a baseline is: a config with what it needs, and the scorer that it fits."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from recsys.config import Seen, StrictConfig
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.evaluation.ranking import Scorer

# Settings as the scorer's constructor takes them, and what fits the scorer with them.
Candidate = tuple[dict[str, Any], Callable[[], Scorer]]


class BaselineConfig(Protocol):
    """A baseline of an experiment; nothing else in the framework asks which it has.

    :class:`BaseBaselineConfig` answers for a :class:`Baseline`.

    Attributes:
        kind: names it in an experiment and in what is shown of a run.
    """

    @property
    def kind(self) -> str: ...

    def check(self, dataset: Dataset, part: Part) -> None:
        """Refuses what could not be fitted, before any work.

        Raises:
            InputError: the baseline does not fit into memory, or cannot run here.
        """
        ...

    def candidates(self, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """The settings worth trying on validation; none where the log lacks what is read.

        Nothing is fitted before it is asked for, and work that candidates share is
        done once. Keep one fitted candidate at a time: they may be large.

        Args:
            dataset: the log.
            part: the last part to learn from.
            seen: whether seen items may be recommended.
        """
        ...

    def fit(self, dataset: Dataset, part: Part, settings: Mapping[str, Any]) -> Scorer:
        """The scorer, fitted on the events up to and including a part.

        Args:
            dataset: the log.
            part: the last part to learn from.
            settings: those of a candidate.
        """
        ...


class Baseline(Scorer, Protocol):
    """A scorer whose constructor takes a dataset, the last part to learn from, and settings."""

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        """See :meth:`BaselineConfig.check`."""
        ...

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """See :meth:`BaselineConfig.candidates`."""
        ...


class BaseBaselineConfig(StrictConfig):
    """The settings of a :class:`Baseline`, all of them chosen on validation.

    Attributes:
        scorer: its class.
    """

    scorer: ClassVar[Callable[..., Any]]

    def check(self, dataset: Dataset, part: Part) -> None:
        self.scorer.check(dataset, part)  # type: ignore[attr-defined]

    def candidates(self, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        return self.scorer.candidates(dataset, part, seen)  # type: ignore[attr-defined]

    def fit(self, dataset: Dataset, part: Part, settings: Mapping[str, Any]) -> Scorer:
        return type(self).scorer(dataset, part, **settings)
