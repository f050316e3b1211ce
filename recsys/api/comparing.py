"""Whether one run is better than another."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.api.ranks import cut, groups_of, ranks_of, ranks_of_lists, seeds_of
from recsys.api.run import Run
from recsys.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from recsys.evaluation.comparison import Contender

logger = logging.getLogger(__name__)


def compare(
    runs: Sequence[Run | Sequence[Run]],
    metrics: str | Sequence[str] | None = None,
    *,
    lists: Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    by: str | None = None,
    page: str | Path | None = None,
) -> "pd.DataFrame":
    """Compares runs on the same test part, query by query, each with each.

    The difference of two means over queries, paired and clustered by user, with its 95 % interval
    (Student's t; Cochran, *Sampling Techniques*, 1977, section 6.3) and p-values corrected for all
    comparisons made here (Holm, 1979). Of several seeds, each query counts by its mean over them:
    what is compared then is what a seed gives on average. The interval is over users; how much
    seeds differ among themselves is another question (:attr:`Run.over_seeds`).

    Args:
        runs: two or more evaluated runs, on one dataset, with one ``seen``; a list in the place of
            a run has the seeds of one experiment, such as ``list(run.seeds.values())``. One is
            enough beside lists.
        metrics: such as ``["ndcg@10", "recall@20"]``; the one that the first run is judged by,
            where it is left out.
        lists: by name, what other systems recommended: a path or a frame of each, as
            :func:`recsys.evaluate_lists` takes them. They come after the runs.
        columns: of the lists, by role; likewise.
        by: an attribute of users or items, as :func:`recsys.groups` takes it: they are compared
            within each of its groups, and p-values are corrected for all groups together.
        page: where to write all this as one HTML file, with the metrics of each, groups of users
            and items, and the settings that differ.

    Returns:
        A row per pair and metric, of each group where there are groups (``group``): ``model`` and
        ``other`` (names), ``metric``, ``difference`` (the model's minus the other's), ``low``,
        ``high``, ``p_value``, ``p_adjusted``, ``real`` (``p_adjusted`` < 0.05), ``queries``,
        ``users`` and ``sentence``.

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

    from recsys.evaluation.comparison import compare as compare_pairs

    if isinstance(runs, Sequence) and any(isinstance(run, str | Path) for run in runs):
        raise InputError("compare: give runs instead of paths, such as recsys.load(path) of each")
    experiments = [seeds_of(run) for run in runs] if isinstance(runs, Sequence) else []
    if not experiments or len(experiments) + len(lists or {}) < 2 or not all(experiments):
        raise InputError("compare: give a list of at least two runs, such as [run_a, run_b]")
    first = experiments[0][0]
    contenders, notes = _contenders(experiments, lists or {}, columns)
    for note in notes:
        logger.warning("%s", note)
    metrics = [metrics] if isinstance(metrics, str) else metrics
    shown = list(metrics) if metrics else [first.experiment.evaluation.metric]
    pairs = list(combinations(contenders, 2))
    found = compare_pairs(pairs, shown)
    if page is not None:
        from recsys.api.comparison_page import write_page

        write_page(Path(page), experiments, contenders, found, shown[0], notes, by)
    if by is None:
        return pd.DataFrame([each.as_dict() for each in found])
    groups = groups_of(by, contenders[0].ranked, first)
    within = compare_pairs([pair for group in groups for pair in cut(pairs, group)], shown)
    names = [f"{by} {group.name}" for group in groups for _ in pairs for _ in shown]
    return pd.DataFrame(
        [
            {**each.as_dict(), "group": name, "sentence": f"{name}: {each.sentence}"}
            for name, each in zip(names, within, strict=True)
        ]
    )


def _contenders(
    experiments: Sequence[Sequence[Run]],
    lists: Mapping[str, Any],
    columns: Mapping[str, str] | None,
) -> "tuple[list[Contender], list[str]]":
    """All that are compared, and what a person should know of the lists."""
    from recsys.evaluation.comparison import Contender

    first = experiments[0][0]
    contenders, notes = [], []
    for seeds, name in zip(experiments, _names(experiments), strict=True):
        one, *further = (ranks_of(seed, first) for seed in seeds)
        contenders.append(Contender(name, one, further))
    for name, given in lists.items():
        if name in {contender.name for contender in contenders}:
            raise InputError(f"compare: {name!r} is the name of a run: give the lists another one")
        one, said = ranks_of_lists(given, first, columns)
        contenders.append(Contender(name, one))
        notes += [f"{name}: {note}" for note in said]
    return contenders, notes


def _names(experiments: Sequence[Sequence[Run]]) -> list[str]:
    """Names that tell them apart: the experiment's, with its seed or seeds, the whole path."""
    choices = (
        [seeds[0].name for seeds in experiments],
        [_with_seeds("/".join(seeds[0].path.parts[-2:]), seeds) for seeds in experiments],
        [_with_seeds(str(seeds[0].path), seeds) for seeds in experiments],
    )
    for names in choices:
        if max(Counter(names).values()) == 1:
            return names
    for name, times in Counter(choices[-1]).items():
        if times > 1:
            logger.warning("%s is given %d times, and compared with itself", name, times)
    return [f"{name}, given as number {place}" for place, name in enumerate(choices[0], start=1)]


def _with_seeds(one: str, seeds: Sequence[Run]) -> str:
    if len(seeds) == 1:
        return one
    return f"{one.rpartition('/')[0]} ({len(seeds)} seeds)"
