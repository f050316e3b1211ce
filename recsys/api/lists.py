"""What somebody else's system recommended, judged as our runs are."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.api.ranks import ranks_of, ranks_of_lists, seeds_of
from recsys.api.run import Run
from recsys.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)
NAME = "lists"


def evaluate_lists(
    lists: Any,
    run: Run | Sequence[Run],
    *,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
) -> "pd.DataFrame":
    """Judges lists that another system made, by the protocol of a run and beside it.

    They answer the queries of the test part that the run answers: the same users and held-out
    items, the same ``seen``. A user's list answers every query of the user; what is not in it is a
    miss, as are the items of users who have none. They should have been made without the test
    part's events: that cannot be seen here.

    Args:
        lists: a path of files (CSV, JSON, Parquet) or a frame, a row per user and item.
        run: that was evaluated; or the seeds of one experiment, of which the first stands in the
            result, and all in the verdict.
        columns: names of the columns by role: ``user``, ``item``, and ``rank`` (1 is best) or
            ``score`` (more is better); a role that is left out is the column of that name. Of a
            table that has both, the rank counts.
        name: of the system, in the result; that of the file, or "lists".

    Returns:
        :attr:`Run.metrics` with the lists before the run: a row per (metric, model). What was left
        out, missing or repeated is logged as a warning and kept in ``frame.attrs["notes"]``; the
        paired difference is in ``frame.attrs["comparison"]``, as a row of :func:`recsys.compare`.

    Raises:
        InputError: the lists cannot be read, are of nobody who is asked about, or the run was not
            evaluated.

    Example:
        >>> current = run.recommend(users=data.user_ids, k=10)  # user, rank, item, title, score
        >>> found = recsys.evaluate_lists(current, run, name="current")
        >>> found.index[0]
        ('ndcg@10', 'current')
    """
    from recsys.api.tables import metrics_frame
    from recsys.evaluation.comparison import Contender, compare
    from recsys.evaluation.evaluate import all_metrics
    from recsys.pipeline import fitted_part

    name = name or _name_of(lists)
    if not (seeds := seeds_of(run)):
        raise InputError("evaluate_lists: give the run that they are to be judged beside")
    run = seeds[0]
    one, *further = (ranks_of(seed, run) for seed in seeds)
    ours = Contender(run.name, one, further)
    theirs = run.document("metrics")
    beside = {run.name: theirs["test"], **theirs["baselines"]}
    if name in beside:
        raise InputError(
            f"evaluate_lists: {name!r} is the name of the run or of a baseline: name the lists"
        )
    ranked, notes = ranks_of_lists(lists, run, columns)
    config = run.experiment.evaluation
    found = all_metrics(ranked, run.dataset, config, fitted_part(run.experiment))
    frame = metrics_frame(name, found, beside, config.metric)
    (difference,) = compare([(ours, Contender(name, ranked))], [config.metric])
    frame.attrs = {"notes": notes, "comparison": difference.as_dict()}
    for note in notes:
        logger.warning("%s: %s", name, note)
    return frame


def lists_summary(judged: "Mapping[str, pd.DataFrame]", headline: str) -> str:
    """Lists in a few lines: their metrics, and whether the run is better.

    Args:
        judged: by name, what :func:`evaluate_lists` gave.
        headline: the metric that comes first.
    """
    from recsys.runs.summary import metrics_table, shown_metrics

    rows = {
        name: {metric: _values(frame, metric, name) for metric in shown_metrics(headline)}
        for name, frame in judged.items()
    }
    sentences = [frame.attrs["comparison"]["sentence"] for frame in judged.values()]
    return metrics_table("lists: test", shown_metrics(headline), rows) + "\n".join(sentences)


def _values(frame: "pd.DataFrame", metric: str, name: str) -> dict[str, float | None]:
    """As ``metrics.json`` has a metric."""
    found = frame.xs((metric, name)).to_dict()
    return {str(key): None if math.isnan(value) else value for key, value in found.items()}


def _name_of(lists: Any) -> str:
    """The name of lists that were not given one."""
    return Path(lists).stem if isinstance(lists, str | Path) else NAME
