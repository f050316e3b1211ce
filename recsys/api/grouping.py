"""How a run fares with groups of users and of items."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from recsys.api.ranks import groups_of, ranks_of
from recsys.api.run import Run

if TYPE_CHECKING:
    import pandas as pd


def groups(run: Run, by: str, metrics: str | Sequence[str] | None = None) -> "pd.DataFrame":
    """The metrics of the test part by groups of users or items, and the gap of each to all others.

    The interval of a gap and its p-value are clustered by user, as those of :func:`recsys.compare`,
    and p-values are corrected for all groups (Holm, 1979). At most 20 values are told apart; those
    of fewer than five users are one group, ``(other)``.

    Args:
        run: that was evaluated.
        by: ``user.NAME`` or ``item.NAME``: a feature of users or items that the dataset has, an
            attribute of items, or one of those that every log has: ``user.activity`` and
            ``item.popularity`` (cold, warm, hot), ``user.history`` (events before the query), and
            ``item.age`` (days since the item's first event). Numbers are cut at their quartiles;
            one that a feature lacks is the mean, as models read it.
        metrics: such as ``["ndcg@10"]``; the one that the run is judged by, where it is left out.

    Returns:
        A row per group and metric, the largest group first: ``group``, ``metric``, ``value``,
        ``low``, ``high``, ``gap`` (the group's metric minus that of all others), ``gap_low``,
        ``gap_high``, ``p_adjusted``, ``real`` (``p_adjusted`` < 0.05), ``queries``, ``users`` and
        ``sentence``.

    Raises:
        InputError: the run was not evaluated, there is no such attribute, or it makes one group.

    Example:
        >>> found = recsys.groups(run, by="item.colour")
        >>> sorted(found["group"]), bool((found["gap_low"] <= found["gap"]).all())
        (['blue', 'red'], True)
    """
    import pandas as pd

    from recsys.evaluation.groups import gaps

    ranked = ranks_of(run, run)
    asked = [metrics] if isinstance(metrics, str) else metrics
    shown = list(asked) if asked else [run.experiment.evaluation.metric]
    found = groups_of(by, ranked, run)
    rows = [
        {**asdict(gap), "sentence": gap.sentence(run.name)} for gap in gaps(found, ranked, shown)
    ]
    return pd.DataFrame(rows)
