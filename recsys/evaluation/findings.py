"""What a person must know of an evaluation to read its metrics, in a few lines."""

from collections.abc import Sequence

import numpy as np

from recsys.evaluation.metrics import parse_metric
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from recsys.system.display import counted

# With fewer events, a metric is more luck than skill.
FEW = 100


def findings(
    ranked: RankedQueries, candidates: int, k: Sequence[int], metric: str, value: float
) -> list[str]:
    """A line each: repeats left out, items unknown to the model, a k too large, a metric of 0.

    Args:
        ranked: the ranking of the test part.
        candidates: items that the model can recommend.
        k: the list lengths of the metrics.
        metric: the headline, such as ``ndcg@10``.
        value: of the headline.
    """
    found = [*evaluated_on("test", len(ranked.ranks), ranked.repeats_left_out)]
    unranked = int(np.count_nonzero(ranked.ranks == UNRANKED))
    if unranked:
        found.append(
            f"{unranked:,} of {len(ranked.ranks):,} test events are of items that the model does "
            "not know, as training had none of their events; they count as missed"
        )
    found += too_long(k, candidates)
    if value == 0:
        found.append(f"{metric} is 0: {_why_zero(ranked, parse_metric(metric)[1], candidates)}")
    return found


def evaluated_on(part: str, targets: int, repeats: int) -> list[str]:
    """How many events of a part are left to evaluate on, where repeats were left out or few remain.

    Args:
        part: of the log.
        targets: events that are targets.
        repeats: further ones, left out as they repeat their user's history.
    """
    if repeats:
        return [
            f"evaluated on {counted(targets, f'{part} event')}; left out under `seen: exclude`, as "
            f"they repeat the history of their user: {repeats:,} of {targets + repeats:,} (where "
            "people come back to the same items: `seen: allow`)"
        ]
    few = "only: the metrics depend on luck (`data.split` can hold out more)"
    return [f"evaluated on {counted(targets, f'{part} event')} {few}"] if targets < FEW else []


def too_long(k: Sequence[int], candidates: int) -> list[str]:
    """Which metrics look at a list that is as long as the catalogue.

    Args:
        k: the list lengths of the metrics.
        candidates: items that the model can recommend.
    """
    cuts = [f"@{cut}" for cut in k if cut >= candidates]
    if not cuts:
        return []
    return [
        f"metrics {' and '.join(cuts)} look at every item, as the model can recommend only "
        f"{candidates:,}: recall and hit rate there are 1 whatever it learned; set smaller ones in "
        "`evaluation.k` and `evaluation.metric`"
    ]


def _why_zero(ranked: RankedQueries, k: int, candidates: int) -> str:
    known = ranked.ranks[ranked.ranks != UNRANKED]
    if not len(known):
        return "the model knows none of the items that the test part holds"
    return (
        f"of {len(known):,} test events of items that the model knows, none ranks among the first "
        f"{k:,} of {candidates:,} (the best rank is {known.min():,})"
    )
