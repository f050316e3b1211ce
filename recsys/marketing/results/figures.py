"""The figures of a run's page, one by one, for a notebook."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recsys.errors import InputError
from recsys.marketing.reports import user_plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Figures:
    """Matplotlib figures of a run.

    Args:
        document: its ``metrics.json``.

    Attributes:
        available: names of the figures that the run has.

    Example:
        >>> figures = marketing.load("runs/buys/1").plot
        >>> figures.available
        ['curves', 'importance', 'segments', 'transitions']
        >>> figures.importance().axes[0].get_xlabel() is not None
        True
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        parts = {
            "curves": document.get("curves"),
            "importance": document.get("importance"),
            "segments": document.get("segments"),
            "transitions": document.get("segments"),
            "sentiment": document.get("sentiment"),
        }
        self.available = [name for name, part in parts.items() if part]

    def _need(self, name: str, why: str) -> None:
        if name not in self.available:
            raise InputError(f"the run has no figure {name!r}: {why}")

    def curves(self) -> "Figure":
        """How much is found among the highest predictions, and how often a probability is right.

        Raises:
            InputError: the run predicts no probability of yes.
        """
        self._need("curves", "it does not predict a yes or no")
        curves = self._document["curves"]
        return user_plots.gains_and_calibration(
            curves["gains"], curves["gains_baseline"], curves["calibration"]
        )

    def importance(self) -> "Figure":
        """What the deciding metric loses when a feature is shuffled among users.

        Raises:
            InputError: the run is not one of ``task: propensity``.
        """
        self._need("importance", "it is not a run of `task: propensity`")
        metric = self._document["comparison"]["metric"]
        title = f"What {metric} loses when a feature is shuffled"
        return user_plots.bars(self._document["importance"], title)

    def segments(self) -> "Figure":
        """How many users were in each segment, over time.

        Raises:
            InputError: the run has no segments, as that of a table or of a log in which hardly
                anybody came back.
        """
        self._need("segments", "it is not about a log whose users come back")
        found = self._document["segments"]
        return user_plots.segments_over_time(found["cutoffs"], found["counts"])

    def transitions(self) -> "Figure":
        """How many users moved from one segment to another in the last period.

        Raises:
            InputError: see :meth:`segments`.
        """
        self._need("transitions", "it is not about a log whose users come back")
        found = self._document["segments"]
        return user_plots.transitions(found["transitions"], list(found["counts"]))

    def sentiment(self) -> "Figure":
        """The mean sentiment of reviews by category or stars, and over the years.

        Raises:
            InputError: the run is not one of ``task: sentiment``.
        """
        self._need("sentiment", "it is not a run of `task: sentiment`")
        found = self._document["sentiment"]
        return user_plots.sentiment(found["by"], found["groups"], found["years"])
