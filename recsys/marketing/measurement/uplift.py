"""What a campaign changed: treated users against users held out at random."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans

from recsys.errors import InputError

SMALLEST_ARM = 10


@dataclass(frozen=True)
class Uplift:
    """Treated users against held-out ones.

    Attributes:
        treated: users assigned to be addressed, whether or not the message reached them.
        held_out: users assigned to be left alone.
        treated_mean: of the outcome; a share of users where the outcome is a yes or no.
        held_out_mean: the same without the campaign.
        difference: of the means, treated minus held out: per user, in the outcome's unit.
        low: of the difference's 95 % interval.
        high: of the difference's 95 % interval.
        relative: the difference as a share of the held-out mean; None where that is not positive.
        p_value: two-sided, of no difference.
    """

    treated: int
    held_out: int
    treated_mean: float
    held_out_mean: float
    difference: float
    low: float
    high: float
    relative: float | None
    p_value: float


@dataclass(frozen=True)
class SegmentedUplift:
    """Uplift of everybody, and of each segment by its name.

    Attributes:
        overall: of all users.
        segments: of each segment. Their p values are adjusted for being several (Holm 1979, "A
            simple sequentially rejective multiple test procedure"); their intervals are not:
            each covers its own segment's truth 19 times in 20.
        not_estimated: why, of the segments that say nothing.
    """

    overall: Uplift
    segments: dict[str, Uplift]
    not_estimated: dict[str, str]


def uplift(users: pd.DataFrame, outcome: str = "outcome") -> Uplift:
    """What a campaign changed, per user assigned to it (intention to treat).

    Who was assigned counts as assigned, reached or not, and who did nothing counts with a no or
    with zero: leaving either out undoes the random assignment.

    A yes or no (bool, or numbers that are all 0 or 1) is compared by Newcombe's hybrid score
    interval and the score test of equal rates (Newcombe 1998, "Interval estimation for the
    difference between independent proportions", method 10; Miettinen and Nurminen 1985), any
    other number by Welch's (1947). Both are large-sample statements about means: where a few
    users spend nearly everything, they need thousands of users held out.

    Args:
        users: one row per assigned user: ``treated`` (bool, or 0 and 1), the outcome, and
            optionally ``user``, by which rows are checked to be one each.
        outcome: the column of what each user did: bool or number.

    Raises:
        InputError: a column is missing or holds something else, an outcome is missing or not
            finite, a user has several rows, an arm has fewer than 10 users, or a number is
            the same for all users of each arm.
    """
    return _overall(*_checked(users, outcome))


def uplift_by_segment(
    users: pd.DataFrame, outcome: str = "outcome", segment: str = "segment"
) -> SegmentedUplift:
    """:func:`uplift` of everybody and of each segment.

    P values of segments are adjusted by Holm's method over the segments estimated. A segment
    with fewer than 10 users in an arm, or where a number is the same for all users of each arm,
    is named and not estimated. That one segment's uplift is significant and another's is not
    does not show that they differ.

    Args:
        users: as for :func:`uplift`, with a column of segments.
        outcome: the column of what each user did.
        segment: the column of names, known before the campaign (what a message changes must not
            decide who is compared).

    Raises:
        InputError: as :func:`uplift`, or a user has no segment.
    """
    treated, outcomes, binary = _checked(users, outcome)
    if segment not in users:
        raise InputError(_no_column(users, segment))
    if users[segment].isna().any():
        missing = int(users[segment].isna().sum())
        raise InputError(
            f"{missing} of {len(users)} users have no {segment!r}; give theirs a name, such as none"
        )
    names = users[segment].astype(str).to_numpy()
    found, not_estimated = {}, {}
    for name in sorted(set(names)):
        rows = names == name
        reason = _says_nothing(treated[rows], outcomes[rows], binary)
        if reason is None:
            found[name] = _compare(treated[rows], outcomes[rows], binary)
        else:
            not_estimated[name] = reason
    if found:
        adjusted = multipletests([each.p_value for each in found.values()], method="holm")[1]
        found = {
            name: replace(each, p_value=float(p_value))
            for (name, each), p_value in zip(found.items(), adjusted, strict=True)
        }
    return SegmentedUplift(_overall(treated, outcomes, binary), found, not_estimated)


def _checked(users: pd.DataFrame, outcome: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """Who was treated (bool), what they did (float), and whether that is a yes or no."""
    for name in ("treated", outcome):
        if name not in users:
            raise InputError(_no_column(users, name))
        if users[name].isna().any():
            missing = int(users[name].isna().sum())
            raise InputError(
                f"{missing} of {len(users)} users have no {name!r}; who was assigned counts, "
                "also with an outcome of no or zero"
            )
    if "user" in users and users["user"].duplicated().any():
        twice = users["user"][users["user"].duplicated()].iloc[0]
        raise InputError(f"user {twice!r} has several rows; sum what each user did into one row")
    treated, outcomes = _numbers(users["treated"]), _numbers(users[outcome])
    if treated is None or not _yes_or_no(treated):
        raise InputError("the column 'treated' must hold true and false (or 1 and 0)")
    if outcomes is None or not np.isfinite(outcomes).all():
        raise InputError(f"the outcome {outcome!r} must be true and false, or finite numbers")
    return treated.astype(bool), outcomes, _yes_or_no(outcomes)


def _numbers(values: pd.Series) -> np.ndarray | None:
    found = values.infer_objects()  # bools that lay among missing values are objects
    # Pandas counts bools among the numbers.
    return found.to_numpy(dtype=float) if pd.api.types.is_numeric_dtype(found) else None


def _yes_or_no(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def _no_column(users: pd.DataFrame, name: str) -> str:
    return f"the users have no column {name!r}, only {', '.join(map(repr, users.columns))}"


def _says_nothing(treated: np.ndarray, outcomes: np.ndarray, binary: bool) -> str | None:
    """Why two arms cannot be compared; None where they can."""
    arms = int(treated.sum()), int((~treated).sum())
    if min(arms) < SMALLEST_ARM:
        return f"{arms[0]} users treated and {arms[1]} held out; each needs {SMALLEST_ARM} or more"
    if not binary and np.ptp(outcomes[treated]) == np.ptp(outcomes[~treated]) == 0:
        return f"the outcome varies neither among {arms[0]} users treated nor {arms[1]} held out"
    return None


def _overall(treated: np.ndarray, outcomes: np.ndarray, binary: bool) -> Uplift:
    reason = _says_nothing(treated, outcomes, binary)
    if reason is not None:
        raise InputError(f"the campaign cannot be measured: {reason}")
    return _compare(treated, outcomes, binary)


def _compare(treated: np.ndarray, outcomes: np.ndarray, binary: bool) -> Uplift:
    ours, others = outcomes[treated], outcomes[~treated]
    measure = _rates if binary else _means
    low, high, p_value = measure(ours, others)
    mean, base = float(ours.mean()), float(others.mean())
    relative = (mean - base) / base if base > 0 else None
    return Uplift(len(ours), len(others), mean, base, mean - base, low, high, relative, p_value)


def _rates(ours: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    # The score interval of statsmodels 0.15 fails on ordinary counts (500 of 10,000 against 40
    # of 1,000: its brackets miss the root), so the interval is Newcombe's.
    counts = ours.sum(), len(ours), others.sum(), len(others)
    low, high = confint_proportions_2indep(*counts, compare="diff", method="newcomb")
    if np.ptp(np.concatenate((ours, others))) == 0:
        return float(low), float(high), 1.0
    with np.errstate(divide="ignore", invalid="ignore"):  # ratios that nobody asked for
        tested = test_proportions_2indep(*counts, compare="diff", method="score")
    return float(low), float(high), float(tested.pvalue)


def _means(ours: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    compared = CompareMeans.from_data(ours, others)
    low, high = compared.tconfint_diff(usevar="unequal")
    return float(low), float(high), float(compared.ttest_ind(usevar="unequal")[1])
