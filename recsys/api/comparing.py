"""Whether one run is better than another."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.api.run import Run
from recsys.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from recsys.evaluation.ranking import RankedQueries


def compare(
    runs: Sequence[Run | Sequence[Run]], metrics: str | Sequence[str] | None = None
) -> "pd.DataFrame":
    """Compares runs on the same test part, query by query, each with each.

    The difference of two means over queries, paired and clustered by user, with its 95 % interval
    (Student's t; Cochran, *Sampling Techniques*, 1977, section 6.3) and p-values corrected for all
    comparisons made here (Holm, 1979). Of several seeds, each query counts by its mean over them:
    what is compared then is what a seed gives on average. The interval is over users; how much
    seeds differ among themselves is another question (:attr:`Run.over_seeds`).

    Args:
        runs: two or more evaluated runs, on one dataset, with one ``seen``; a list in the place of
            a run has the seeds of one experiment, such as ``list(run.seeds.values())``.
        metrics: such as ``["ndcg@10", "recall@20"]``; the one that the first run is judged by,
            where it is left out.

    Returns:
        A row per pair and metric: ``model`` and ``other`` (names), ``metric``, ``difference`` (the
        model's minus the other's), ``low``, ``high``, ``p_value``, ``p_adjusted``, ``real``
        (``p_adjusted`` < 0.05), ``queries``, ``users`` and ``sentence``.

    Raises:
        InputError: fewer than two runs, a run that was not evaluated, another dataset, or queries
            that differ.

    Example:
        >>> again = recsys.load("runs/average/1")
        >>> found = recsys.compare([run, again])
        >>> found.loc[0, "difference"].item(), bool(found.loc[0, "real"])
        (0.0, False)
    """
    import pandas as pd

    from recsys.evaluation.comparison import Contender
    from recsys.evaluation.comparison import compare as compare_pairs
    from recsys.evaluation.ranks_file import read_ranks
    from recsys.runs.folder import RunFolder

    if isinstance(runs, Sequence) and any(isinstance(run, str | Path) for run in runs):
        raise InputError("compare: give runs instead of paths, such as recsys.load(path) of each")
    experiments = [_seeds(run) for run in runs] if isinstance(runs, Sequence) else []
    if len(experiments) < 2 or not all(experiments):
        raise InputError("compare: give a list of at least two runs, such as [run_a, run_b]")
    first = experiments[0][0]
    dataset = first.dataset

    def ranked(run: Run) -> "RankedQueries":
        if run.dataset.fingerprint != dataset.fingerprint:
            raise InputError(
                f"{first.path} and {run.path} were made with different datasets "
                f"({dataset.fingerprint[:12]} and {run.dataset.fingerprint[:12]}): only runs on "
                "one dataset can be compared"
            )
        run.document("metrics")  # what was ranked for other metrics is out of date
        folder = RunFolder(run.path)
        return read_ranks(folder.files.checked(folder.ranks), dataset)

    contenders = []
    for seeds, name in zip(experiments, _names([seeds[0] for seeds in experiments]), strict=True):
        one, *further = map(ranked, seeds)
        contenders.append(Contender(name, one, further))
    metrics = [metrics] if isinstance(metrics, str) else metrics
    shown = list(metrics) if metrics else [first.experiment.evaluation.metric]
    found = compare_pairs(combinations(contenders, 2), shown)
    return pd.DataFrame([each.as_dict() for each in found])


def _seeds(runs: Run | Sequence[Run]) -> list[Run]:
    """The seeds of an experiment; none, where something else was given."""
    if isinstance(runs, Run):
        return [runs]
    if not isinstance(runs, Sequence) or not all(isinstance(run, Run) for run in runs):
        return []
    return list(runs)


def _names(runs: Sequence[Run]) -> list[str]:
    """Names that tell the runs apart: the experiment's, its seed, the whole path."""
    choices = (
        [run.name for run in runs],
        ["/".join(run.path.parts[-2:]) for run in runs],
        [str(run.path) for run in runs],
    )
    for names in choices:
        if max(Counter(names).values()) == 1:
            return names
    return [f"{name} ({number})" for number, name in enumerate(choices[0], start=1)]
