"""A few users' histories beside what they would have been shown."""

from typing import Any

import numpy as np

from recsys.data.dataset import Dataset
from recsys.evaluation.ranking import RankedQueries

EXAMPLES = 6
ITEMS = 10


def examples(ranked: RankedQueries, dataset: Dataset) -> list[dict[str, Any]]:
    """Examples for people, as titles, evenly spread over the users.

    Args:
        ranked: the ranking of a part, with the best items of each query.
        dataset: the log.

    Returns:
        A row per example: ``user`` (id; a number, where tables are encrypted), ``history`` and
        ``recommendations`` (at most ten titles each, the history's last).
    """
    queries, titles = ranked.queries, dataset.item_titles
    lengths = queries.history_ends - dataset.user_offsets[queries.users]
    # A history of three says something about its user.
    asked = np.flatnonzero(lengths >= min(3, lengths.max()))
    chosen = asked[np.linspace(0, len(asked) - 1, min(EXAMPLES, len(asked))).astype(int)]
    rows: list[dict[str, Any]] = []

    def name(user: int) -> str:
        # The document is not encrypted, so that it names nobody where tables are.
        if dataset.manifest.encryption is not None:
            return f"no. {len(rows) + 1}"
        return dataset.user_ids[user]

    for query in dict.fromkeys(chosen.tolist()):
        end = queries.history_ends[query]
        begin = max(dataset.user_offsets[queries.users[query]], end - ITEMS)
        best = ranked.top_items[query, :ITEMS]
        rows.append(
            {
                "user": name(queries.users[query]),
                "history": [titles[item] for item in dataset.event_items[begin:end]],
                "recommendations": [titles[item] for item in best if item >= 0],
            }
        )
    return rows
