"""The figures of a run, for a notebook."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from recsys.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recsys.experiment.schema import Experiment


class Drawn(Protocol):
    """What figures are drawn of: a :class:`recsys.Run`."""

    @property
    def name(self) -> str:
        """Of the experiment."""
        ...

    @property
    def experiment(self) -> "Experiment":
        """The run's own."""
        ...

    def document(self, name: Literal["metrics", "history"]) -> Any:
        """A document of the run's folder."""
        ...


class Plots:
    """``run.plot``: each method draws a new Matplotlib figure from what the run has kept.

    Nothing is shown or saved: a notebook shows a figure that is the last value of a cell, and
    ``figure.savefig("learning.svg")`` saves it.

    Args:
        run: whose figures they are.

    Example:
        >>> figure = run.plot.learning()
        >>> [axes.get_title("left") for axes in figure.axes]  # doctest: +ELLIPSIS
        ['Training loss', 'Validation ndcg@10: best ...']
    """

    def __init__(self, run: Drawn) -> None:
        self._run = run

    def learning(self) -> "Figure":
        """The training loss and the validation metric, epoch by epoch; the best epoch is marked.

        Raises:
            InputError: the model was loaded without its run.

        Example:
            >>> len(run.plot.learning().axes)
            2
        """
        from recsys.reports import plots

        return plots.learning_curve(self._run.document("history"), self._metric())

    def baselines(self, metrics: Sequence[str] | None = None) -> "Figure":
        """The model beside its baselines as dots with 95 % intervals, a panel per metric.

        Args:
            metrics: such as ``["ndcg@10", "recall@10"]``, which is the default for a run that is
                judged by ``ndcg@10``.

        Raises:
            InputError: the model was loaded without its run, or there is no such metric.

        Example:
            >>> [axes.get_title("left") for axes in run.plot.baselines(["ndcg@10"]).axes]
            ['ndcg@10']
        """
        from recsys.reports import plots

        found = self._run.document("metrics")
        headline = self._metric()
        recall = f"recall@{headline.rpartition('@')[2]}"
        shown = list(metrics or dict.fromkeys([headline, recall]))
        _check(shown, found["test"])
        return plots.beside_baselines(self._run.name, found["test"], found["baselines"], shown)

    def slices(self, metric: str | None = None) -> "Figure":
        """One metric for hot, warm and cold users and items apart, with 95 % intervals.

        Args:
            metric: the one that the run is judged by, unless another is named.

        Raises:
            InputError: the model was loaded without its run, or there is no such metric.

        Example:
            >>> run.plot.slices().axes[0].get_title("left")
            'ndcg@10 by slice (queries)'
        """
        from recsys.reports import plots

        found = self._run.document("metrics")
        metric = metric or self._metric()
        _check([metric], found["test"])
        return plots.slices(found["slices"], metric)

    def popularity(self) -> "Figure":
        """How much of what is recommended, and of what is consumed, are popular items.

        Raises:
            InputError: the model was loaded without its run.

        Example:
            >>> [text.get_text() for text in run.plot.popularity().axes[0].get_legend().texts]
            ['consumed', 'recommended']
        """
        from recsys.reports import plots

        return plots.popularity(self._run.document("metrics")["popularity"])

    def _metric(self) -> str:
        return self._run.experiment.evaluation.metric


def _check(metrics: Sequence[str], there: dict[str, Any]) -> None:
    if missing := [metric for metric in metrics if metric not in there]:
        raise InputError(
            f"the run has no metric {', '.join(map(repr, missing))}: it has {', '.join(there)}"
        )
