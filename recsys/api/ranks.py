"""Where runs, and the lists of other systems, have what was held out."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.api.run import Run
from recsys.errors import InputError

if TYPE_CHECKING:
    from recsys.evaluation.comparison import Contender
    from recsys.evaluation.groups import Group
    from recsys.evaluation.ranking import RankedQueries


def seeds_of(run: Run | Sequence[Run]) -> list[Run]:
    """The seeds of an experiment; none, where something else was given."""
    if isinstance(run, Run):
        return [run]
    if not isinstance(run, Sequence) or not all(isinstance(seed, Run) for seed in run):
        return []
    return list(run)


def ranks_of(run: Run, first: Run) -> "RankedQueries":
    """The ranks of a run, to be compared with another one.

    Args:
        run: that was evaluated.
        first: on whose dataset it must be.

    Raises:
        InputError: it was not evaluated, or was made with another dataset.
    """
    from recsys.evaluation.ranks_file import read_ranks
    from recsys.runs.folder import RunFolder

    dataset = first.dataset
    if run.dataset.fingerprint != dataset.fingerprint:
        raise InputError(
            f"{first.path} and {run.path} were made with different datasets "
            f"({dataset.fingerprint[:12]} and {run.dataset.fingerprint[:12]}): only runs on "
            "one dataset can be compared"
        )
    run.document("metrics")  # what was ranked for other metrics is out of date
    folder = RunFolder(run.path)
    return read_ranks(folder.files.checked(folder.ranks), dataset)


def ranks_of_lists(
    lists: Any, run: Run, columns: Mapping[str, str] | None = None
) -> tuple["RankedQueries", list[str]]:
    """Where the lists have what was held out, and what a person should know to read it.

    Args:
        lists, run, columns: see :func:`recsys.evaluate_lists`.

    Raises:
        InputError: see :func:`recsys.evaluate_lists`.
    """
    from recsys.data.prepare.list_table import read_list_table
    from recsys.evaluation.lists import rank_lists

    experiment, dataset = run.experiment, run.dataset
    with tempfile.TemporaryDirectory() as scratch:
        table = read_list_table(lists, columns or {}, Path(scratch))
    queries = dataset.queries("test", experiment.evaluation.last_only)
    return rank_lists(table, dataset, queries, experiment.seen, max(experiment.evaluation.k))


def groups_of(by: str, ranked: "RankedQueries", run: Run) -> "list[Group]":
    """The groups of an attribute, of the held-out items of a ranking.

    Args:
        by: see :func:`recsys.groups`.
        ranked: the ranking, or any of several of the same queries.
        run: that has the dataset.

    Raises:
        InputError: there is no such attribute.
    """
    from recsys.evaluation.groups import groups
    from recsys.pipeline import fitted_part

    return groups(by, ranked, run.dataset, fitted_part(run.experiment))


def cut(
    pairs: "Sequence[tuple[Contender, Contender]]", group: "Group"
) -> "list[tuple[Contender, Contender]]":
    """Pairs of contenders, of the held-out items of a group alone."""
    return [(one.within(group.keep), other.within(group.keep)) for one, other in pairs]
