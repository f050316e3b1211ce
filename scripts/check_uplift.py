"""Checks uplift of money: how often it reports a gain or a loss where there is none.

    python scripts/check_uplift.py [--draws 4000] [--permutations 999] [--holdout 0.1]

Customers of CDNOW (the public set ``cdnow``, fetched once) are drawn, and some of them held out, at
random; nothing is sent to anybody. What they really spent in the 90 days from 1998-01-01 on is
compared, alone and adjusted for the 90 days before. Each side should err in 2.5 % of the draws;
4,000 draws leave that uncertain by .5 either way (1,000 by 1). Welch's interval is there to compare
with.

Below, in a quarter as many draws, the treated get a known effect on top: a share of the
customers without spending spend what somebody else did, or everybody spends more by half. Sides
then count intervals that miss it.
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

from recsys.data.sources.public import table_file
from recsys.marketing.measurement import permutation

USERS = (1_000, 3_000, 10_000)
BEGIN, DAYS = pd.Timestamp("1998-01-01"), 90
NEW, MORE = 0.05, 0.5

# What customers would spend if they were treated, and how much more that is in the mean.
Effect = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--holdout", type=float, default=0.1, help="share that is held out")
    arguments = parser.parse_args()
    spent, before = spent_and_before()
    print(
        f"{len(spent):,} customers, of whom {np.mean(spent > 0):.1%} spend anything; mean of all "
        f"{spent.mean():.2f}, deviation {spent.std():.1f}, correlation with the days before "
        f"{np.corrcoef(spent, before)[0, 1]:.2f}\n"
    )
    print("| users, held out | effect | interval | above the truth, % | below, % |")
    print("| --- | --- | --- | --- | --- |")
    for effect in (nothing, partial(new_spenders, pool=spent[spent > 0]), more_of_everybody):
        draws = arguments.draws if effect is nothing else arguments.draws // 4
        for users in USERS:
            draw = partial(misses, spent, before, users, arguments.holdout, effect)
            seeds = range(draws)
            with Parallel(n_jobs=-1, return_as="generator") as parallel:
                found = parallel(delayed(one_draw)(draw, arguments.permutations, s) for s in seeds)
                shares = pd.DataFrame(list(found)).mean() * 100
            name = getattr(effect, "func", effect).__name__.replace("_", " ")
            for interval in ("Welch", "permutation", "permutation, adjusted"):
                sides = f"{shares[interval, 'above']:.1f} | {shares[interval, 'below']:.1f}"
                held_out = f"{users:,}, {round(users * arguments.holdout):,}"
                print(f"| {held_out} | {name} | {interval} | {sides} |", flush=True)


def spent_and_before() -> tuple[np.ndarray, np.ndarray]:
    """float [customers]: dollars in the days from the beginning on, and in as many before."""
    log = pd.read_csv(table_file("cdnow", "log"), parse_dates=["time"])
    users = pd.Index(log["user"].unique())
    length = pd.Timedelta(days=DAYS)

    def within(begin: pd.Timestamp) -> np.ndarray:
        rows = log[(log["time"] >= begin) & (log["time"] < begin + length)]
        return rows.groupby("user")["dollars"].sum().reindex(users).fillna(0).to_numpy()

    return within(BEGIN), within(BEGIN - length)


def nothing(spent: np.ndarray, _: np.random.Generator) -> tuple[np.ndarray, float]:
    return spent, 0.0


def new_spenders(
    spent: np.ndarray, generator: np.random.Generator, pool: np.ndarray
) -> tuple[np.ndarray, float]:
    new = (spent == 0) & (generator.random(len(spent)) < NEW)
    effect = float(np.mean(spent == 0)) * NEW * float(pool.mean())
    return np.where(new, generator.choice(pool, len(spent)), spent), effect


def more_of_everybody(spent: np.ndarray, _: np.random.Generator) -> tuple[np.ndarray, float]:
    return spent * (1 + MORE), float(spent.mean()) * MORE


def one_draw(
    draw: Callable[[int], dict[tuple[str, str], bool]], permutations: int, seed: int
) -> dict[tuple[str, str], bool]:
    permutation.PERMUTATIONS = permutations  # in a process of its own
    return draw(seed)


def misses(
    spent: np.ndarray, before: np.ndarray, users: int, holdout: float, effect: Effect, seed: int
) -> dict[tuple[str, str], bool]:
    """Whether each interval lies above or below the truth in one draw."""
    generator = np.random.default_rng(seed)
    drawn = generator.choice(len(spent), users, replace=False)
    treated = np.arange(users) >= round(users * holdout)
    changed, truth = effect(spent, generator)
    outcomes = np.where(treated, changed[drawn], spent[drawn])
    welch = stats.ttest_ind(outcomes[treated], outcomes[~treated], equal_var=False)
    intervals = {
        "Welch": welch.confidence_interval(),
        "permutation": permutation.permutation_difference(treated, outcomes),
        "permutation, adjusted": permutation.permutation_difference(
            treated, outcomes, before[drawn]
        ),
    }
    return {
        key: miss
        for name, each in intervals.items()
        for key, miss in {
            (name, "above"): each.low > truth,
            (name, "below"): each.high < truth,
        }.items()
    }


if __name__ == "__main__":
    main()
