"""What a campaign changed: treated users against users held out at random."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

from recsys.errors import InputError
from recsys.evaluation.holm import holm
from recsys.marketing.measurement.enough import (
    not_measured,
    too_few_for_money,
    too_few_users,
)
from recsys.marketing.measurement.permutation import permutation_difference


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
        adjusted: whether the means are adjusted for a number known before the campaign.
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
    adjusted: bool = False


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


def uplift(users: pd.DataFrame, outcome: str = "outcome", before: str | None = None) -> Uplift:
    """What a campaign changed, per user assigned to it (intention to treat).

    A user who was assigned counts as assigned, reached or not, and one who did nothing counts with
    a no or with zero: leaving either out undoes the random assignment.

    A yes or no (bool, or numbers that are all 0 or 1) is compared by Newcombe's hybrid score
    interval and the score test of equal rates (Newcombe 1998, "Interval estimation for the
    difference between independent proportions", method 10; Miettinen and Nurminen 1985), any
    other number, such as money, by permutation
    (:func:`~recsys.marketing.measurement.permutation.permutation_difference`): where a few users
    spend nearly everything, nothing else keeps its word.

    >>> users = pd.DataFrame({"treated": [True] * 70 + [False] * 80})
    >>> users["outcome"] = [True] * 56 + [False] * 14 + [True] * 48 + [False] * 32
    >>> found = uplift(users)
    >>> f"{found.difference:.2f} ({found.low:.4f} to {found.high:.4f})"
    '0.20 (0.0524 to 0.3339)'

    Args:
        users: one row per assigned user: ``treated`` (bool, or 0 and 1), the outcome, and
            optionally ``user``, by which rows are checked to be one each.
        outcome: the column of what each user did: bool or number.
        before: the column of a number known before the campaign, such as the money of the weeks
            before, for which a number is adjusted (a yes or no is not).

    Raises:
        InputError: a column is missing or holds something else, a number is missing or not
            finite, a user has several rows, an arm has fewer than 10 users; or a number is
            the same for all users of each arm, or not 0 of so few that fewer than 5 of them are
            to be expected in the smaller arm.
    """
    return _overall(_checked(users, outcome, before))


def uplift_by_segment(
    users: pd.DataFrame,
    outcome: str = "outcome",
    segment: str = "segment",
    before: str | None = None,
) -> SegmentedUplift:
    """:func:`uplift` of everybody and of each segment.

    P values of segments are adjusted by Holm's method over the segments estimated. A segment
    of which :func:`uplift` would say nothing is named and not estimated. That one segment's
    uplift is significant and another's is not does not show that they differ.

    Args:
        users: as for :func:`uplift`, with a column of segments.
        outcome: the column of what each user did.
        segment: the column of names, known before the campaign (what a message changes must not
            decide which users are compared).
        before: as for :func:`uplift`.

    Raises:
        InputError: as :func:`uplift`, or a user has no segment.
    """
    checked = _checked(users, outcome, before)
    if segment not in users:
        raise InputError(_no_column(users, segment))
    if users[segment].isna().any():
        missing = int(users[segment].isna().sum())
        raise InputError(
            f"{missing:,} of {len(users):,} users have no {segment!r}; give theirs a name, such as "
            "none"
        )
    names = users[segment].astype(str).to_numpy()
    found, not_estimated = {}, {}
    for name in sorted(set(names)):
        theirs = checked.rows(names == name)
        reason = theirs.says_nothing()
        if reason is None:
            found[name] = theirs.compared()
        else:
            not_estimated[name] = reason
    if found:
        adjusted = holm([each.p_value for each in found.values()])
        found = {
            name: replace(each, p_value=float(p_value))
            for (name, each), p_value in zip(found.items(), adjusted, strict=True)
        }
    return SegmentedUplift(_overall(checked), found, not_estimated)


@dataclass(frozen=True)
class _Users:
    """Whether users were treated (bool), what they did (float), whether that is a yes or no, and a
    number known of them before (float)."""

    treated: np.ndarray
    outcomes: np.ndarray
    binary: bool
    before: np.ndarray | None

    def rows(self, chosen: np.ndarray) -> "_Users":
        before = None if self.before is None else self.before[chosen]
        return _Users(self.treated[chosen], self.outcomes[chosen], self.binary, before)

    @property
    def adjusts(self) -> bool:
        """Whether what is known of them before says anything of a number."""
        return not self.binary and self.before is not None and bool(np.ptp(self.before) > 0)

    def says_nothing(self) -> str | None:
        """Why the two arms cannot be compared; None where they can."""
        treated, held_out = int(self.treated.sum()), int((~self.treated).sum())
        if (reason := too_few_users(treated, held_out)) or self.binary:
            return reason
        ours, others = self.outcomes[self.treated], self.outcomes[~self.treated]
        if np.ptp(ours) == np.ptp(others) == 0:
            return (
                f"the outcome varies neither among {treated:,} users treated nor {held_out:,} held "
                "out"
            )
        return too_few_for_money(float((self.outcomes != 0).mean()), treated, held_out)

    def compared(self) -> Uplift:
        return self._rates() if self.binary else self._numbers()

    def _rates(self) -> Uplift:
        ours, others = self.outcomes[self.treated], self.outcomes[~self.treated]
        # The score interval of statsmodels 0.15 fails on ordinary counts (500 of 10,000 against
        # 40 of 1,000: its brackets miss the root), so the interval is Newcombe's.
        counts = ours.sum(), len(ours), others.sum(), len(others)
        low, high = confint_proportions_2indep(*counts, compare="diff", method="newcomb")
        p_value = 1.0
        if np.ptp(self.outcomes) > 0:
            with np.errstate(divide="ignore", invalid="ignore"):  # ratios that nobody asked for
                tested = test_proportions_2indep(*counts, compare="diff", method="score")
            p_value = float(tested.pvalue)
        means = float(ours.mean()), float(others.mean())
        return self._uplift(means, means[0] - means[1], (float(low), float(high)), p_value)

    def _numbers(self) -> Uplift:
        found = permutation_difference(self.treated, self.outcomes, self.before)
        if self.adjusts:
            # Of everybody's mean, each arm is as far away as its share of the users leaves it.
            held_out = float(self.outcomes.mean() - found.value * self.treated.mean())
            means = held_out + found.value, held_out
        else:
            ours, others = self.outcomes[self.treated], self.outcomes[~self.treated]
            means = float(ours.mean()), float(others.mean())
        difference = means[0] - means[1]
        return self._uplift(means, difference, (found.low, found.high), found.p_value)

    def _uplift(
        self,
        means: tuple[float, float],
        difference: float,
        bounds: tuple[float, float],
        p_value: float,
    ) -> Uplift:
        return Uplift(
            int(self.treated.sum()),
            int((~self.treated).sum()),
            *means,
            difference,
            *bounds,
            difference / means[1] if means[1] > 0 else None,
            p_value,
            self.adjusts,
        )


def _checked(users: pd.DataFrame, outcome: str, before: str | None) -> _Users:
    columns = ("treated", outcome) if before is None else ("treated", outcome, before)
    for name in columns:
        if name not in users:
            raise InputError(_no_column(users, name))
        if users[name].isna().any():
            missing = int(users[name].isna().sum())
            raise InputError(
                f"{missing:,} of {len(users):,} users have no {name!r}; every user assigned "
                "counts, also with an outcome of no or zero"
            )
    if "user" in users and users["user"].duplicated().any():
        twice = users["user"][users["user"].duplicated()].iloc[0]
        raise InputError(f"user {twice!r} has several rows; sum what each user did into one row")
    treated, outcomes = _numbers(users["treated"]), _numbers(users[outcome])
    if treated is None or not _yes_or_no(treated):
        raise InputError("the column 'treated' must hold true and false (or 1 and 0)")
    if outcomes is None or not np.isfinite(outcomes).all():
        raise InputError(f"the outcome {outcome!r} must be true and false, or finite numbers")
    known = None if before is None else _numbers(users[before])
    if before is not None and (known is None or not np.isfinite(known).all()):
        raise InputError(f"what is known before, {before!r}, must be finite numbers")
    return _Users(treated.astype(bool), outcomes, _yes_or_no(outcomes), known)


def _numbers(values: pd.Series) -> np.ndarray | None:
    found = values.infer_objects()  # bools that lay among missing values are objects
    # Pandas counts bools among the numbers.
    return found.to_numpy(dtype=float) if pd.api.types.is_numeric_dtype(found) else None


def _yes_or_no(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0, 1)).all())


def _no_column(users: pd.DataFrame, name: str) -> str:
    return f"the users have no column {name!r}, only {', '.join(map(repr, users.columns))}"


def _overall(users: _Users) -> Uplift:
    reason = users.says_nothing()
    if reason is not None:
        raise InputError(not_measured(reason))
    return users.compared()
