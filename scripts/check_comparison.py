"""How often the comparison of models finds a difference where there is none.

    python scripts/check_comparison.py [--pairs 10000] [--families 2000] [--users 2000]

Models are simulated that are equally good: each ranks the one to six queries of each user at
random, well or badly as the user is easy or hard, so that the queries of a user are alike and most
metrics are 0, as in logs. `recsys.evaluation.comparison.compare` then judges pairs, and families of
ten models, each with each, whose p-values it corrects for all 45 comparisons. Prints a line of JSON
for each: the share in which any verdict was wrong, with its 95 % interval (Wilson, 1927). It should
be .05 of pairs, and at most .05 of families. Minutes on one core.
"""

import argparse
import json
from itertools import combinations

import numpy as np
from scipy import stats

from recsys.data.queries import Queries
from recsys.evaluation.comparison import Contender, compare
from recsys.evaluation.ranking import RankedQueries
from recsys.runs.console import lines_shown, working

METRIC = "ndcg@10"
MODELS = 10
MOST_QUERIES = 6


def queries_of(users: int, random: np.random.Generator) -> Queries:
    """One to six queries of each user, with a target each."""
    owners = np.repeat(
        np.arange(users, dtype=np.int32), random.integers(1, MOST_QUERIES + 1, users)
    )
    numbers = np.arange(len(owners))
    return Queries(
        owners, numbers, np.arange(len(owners) + 1), np.zeros(len(owners), np.int32), numbers
    )


def equals(
    models: int, queries: Queries, ease: np.ndarray, random: np.random.Generator
) -> list[Contender]:
    """Models that are equally good, and differ by chance.

    Args:
        models: how many.
        queries: that each ranks.
        ease: float [users], how likely each next place is the right one.
        random: of the ranks.
    """
    asked = ease[queries.users]
    return [
        Contender(
            str(number),
            RankedQueries(
                queries,
                random.geometric(asked).astype(np.int32),
                np.empty((len(queries), 0), np.int32),
                0,
            ),
        )
        for number in range(models)
    ]


def wrong_share(models: int, times: int, users: int, seed: int) -> dict[str, float]:
    """The share of simulations with a difference that is called real.

    Args:
        models: in each, compared each with each.
        times: how many simulations.
        users: in each.
        seed: of the simulations.
    """
    random = np.random.default_rng(seed)
    wrong = 0
    with working(f"{models} models") as shown:
        for number in range(times):
            queries, ease = queries_of(users, random), random.beta(0.4, 8, users) + 1e-4
            contenders = equals(models, queries, ease, random)
            wrong += any(each.real for each in compare(combinations(contenders, 2), [METRIC]))
            if number % 50 == 0:
                shown(f"{number:,} of {times:,}", number / times)
    interval = stats.binomtest(wrong, times).proportion_ci(method="wilson")
    found = {"models": models, "simulations": times, "users": users}
    return {
        **found,
        "wrong": round(wrong / times, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--families", type=int, default=2000)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with lines_shown():
        for models, times in ((2, given.pairs), (MODELS, given.families)):
            print(json.dumps(wrong_share(models, times, given.users, given.seed)), flush=True)


if __name__ == "__main__":
    main()
