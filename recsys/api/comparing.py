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


def compare(runs: Sequence[Run], metrics: str | Sequence[str] | None = None) -> "pd.DataFrame":
    """Compares runs on the same test part, query by query, each with each.

    The difference of two means over queries, paired and clustered by user, with its 95 % interval
    (Student's t; Cochran, *Sampling Techniques*, 1977, section 6.3) and p-values corrected for all
    comparisons made here (Holm, 1979).

    Args:
        runs: two or more evaluated runs, on one dataset, with one ``seen``.
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
    if (
        not isinstance(runs, Sequence)
        or len(runs) < 2
        or not all(isinstance(run, Run) for run in runs)
    ):
        raise InputError("compare: give a list of at least two runs, such as [run_a, run_b]")
    dataset = runs[0].dataset
    contenders = []
    for run, name in zip(runs, _names(runs), strict=True):
        if run.dataset.fingerprint != dataset.fingerprint:
            raise InputError(
                f"{runs[0].path} and {run.path} were made with different datasets "
                f"({dataset.fingerprint[:12]} and {run.dataset.fingerprint[:12]}): only runs on "
                "one dataset can be compared"
            )
        run.document("metrics")  # what was ranked for other metrics is out of date
        folder = RunFolder(run.path)
        ranks = read_ranks(folder.files.checked(folder.ranks), dataset)
        contenders.append(Contender(name, ranks))
    metrics = [metrics] if isinstance(metrics, str) else metrics
    shown = list(metrics) if metrics else [runs[0].experiment.evaluation.metric]
    found = compare_pairs(combinations(contenders, 2), shown)
    return pd.DataFrame([each.as_dict() for each in found])


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
