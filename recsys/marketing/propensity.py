"""Predicts what users do next: chosen on validation, judged once, held against a simple rule."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator
from sklearn.base import clone
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import Pipeline

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.marketing.behaviour import BehaviourConfig
from recsys.marketing.estimators import KINDS, Kind, candidates
from recsys.marketing.events import Events
from recsys.marketing.periods import Moments, PeriodConfig, Table, observe, place_moments
from recsys.marketing.scores import CLASSIFICATION, ERRORS, REGRESSION, Score, difference, score

# A feature that tells bought from not bought like this alone has seen the answer.
LEAKING_AUC = 0.999
# Users of the rarer class, below which no metric has an interval.
FEWEST_OF_A_CLASS = 20


class PropensityConfig(StrictConfig):
    """What is predicted, from what, by what."""

    period: PeriodConfig = PeriodConfig()
    behaviour: BehaviourConfig = BehaviourConfig()
    estimators: list[Kind] = Field(
        list(KINDS), min_length=1, description="kinds that are tried; validation chooses"
    )
    metric: str | None = Field(
        None, description="what validation chooses by: auc, or mae of an amount, by default"
    )
    seed: int = Field(1, ge=0, description="of everything drawn")

    @field_validator("estimators")
    @classmethod
    def _differ(cls, kinds: list[Kind]) -> list[Kind]:
        if len(set(kinds)) < len(kinds):
            raise ValueError("each estimator may be named once")
        return kinds

    @property
    def classifies(self) -> bool:
        return self.period.target != "value"

    @property
    def scores(self) -> dict[str, Score]:
        return CLASSIFICATION if self.classifies else REGRESSION

    @property
    def rule(self) -> str:
        """What the simple rule goes by; see :func:`predict`."""
        return "recency" if self.classifies else "last_period"

    @property
    def deciding(self) -> str:
        return self.metric or ("auc" if self.classifies else "mae")


@dataclass(frozen=True)
class Fitted:
    """An estimator, and by what it was chosen.

    Attributes:
        kind: of the estimator.
        settings: of it, the best of its kind on validation.
        validation: the deciding metric there.
        pipeline: fitted.
    """

    kind: Kind
    settings: dict[str, Any]
    validation: float
    pipeline: Pipeline


@dataclass(frozen=True)
class Judged:
    """The chosen estimator on the last period of the log.

    Attributes:
        moments: when it was asked.
        chosen: refitted on what it was learned from and validated on.
        tried: the best of each kind, on validation.
        test: users at the test moment and what they did.
        predicted: float, of each of them: a probability, or an amount.
        rule: the same by the simple rule.
        metrics: of the estimator, with intervals.
        baselines: of the rule.
        comparison: the deciding metric, estimator minus rule.
    """

    moments: Moments
    chosen: Fitted
    tried: list[Fitted]
    test: Table
    predicted: np.ndarray
    rule: np.ndarray
    metrics: dict[str, dict[str, float]]
    baselines: dict[str, dict[str, dict[str, float]]]
    comparison: dict[str, float]


def predict(events: Events, config: PropensityConfig) -> Judged:
    """Learns on early periods, chooses on the last but one, and is judged on the last.

    The rule that is beaten, or not: who was here last comes back first (for ``buys`` and
    ``leaves``; as a probability by isotonic regression), and users spend what they spent in
    the period before (for ``value``).

    Args:
        events: what happened.
        config: what is predicted.

    Raises:
        InputError: the log is too short; the metric is unknown; hardly anybody, or nearly
            everybody, does what is predicted; or a feature has seen the answer.
    """
    if config.deciding not in config.scores:
        raise InputError(
            f"propensity.metric is {config.deciding!r}; of {config.period.target!r} there are "
            f"{', '.join(config.scores)}"
        )
    moments = place_moments(events, config.period)
    describing = config.behaviour
    if config.period.days not in describing.windows_days:  # the rule reads it
        windows = [*describing.windows_days, config.period.days]
        describing = describing.model_copy(update={"windows_days": windows})
    train = observe(events, moments.train, config.period, describing)
    validation = observe(events, [moments.validation], config.period, describing)
    test = observe(events, [moments.test], config.period, describing)
    for name, table in (("learned from", train), ("validated", validation), ("tested", test)):
        if config.classifies:
            _require_both(name, table, config)
    if config.classifies:
        refuse_leaking(train.features, train.target)
    tried = [_best_of_kind(kind, config, train, validation) for kind in config.estimators]
    best = _best(tried, config)
    both = _together(train, validation)
    refitted = clone(best.pipeline).fit(both.features, both.target)
    chosen = Fitted(best.kind, best.settings, best.validation, refitted)
    predicted = _predictions(refitted, test.features, config)
    rule = _by_rule(both, test, config)
    truth = test.target.to_numpy()
    return Judged(
        moments,
        chosen,
        tried,
        test,
        predicted,
        rule,
        score(truth, predicted, config.scores, config.seed),
        {config.rule: score(truth, rule, config.scores, config.seed)},
        difference(truth, predicted, rule, config.scores[config.deciding], config.seed),
    )


def refuse_leaking(features: pd.DataFrame, target: pd.Series) -> None:
    """Names a feature that alone tells the classes apart, as only one that saw the answer can.

    Raises:
        InputError: there is one.
    """
    truth = target.to_numpy()
    for name in features.columns:
        # A missing value ranks lowest: that it is missing may be the answer.
        auc = CLASSIFICATION["auc"](truth, features[name].rank(na_option="top").to_numpy())
        if max(auc, 1 - auc) >= LEAKING_AUC:
            raise InputError(
                f"the feature {name!r} tells who does from who does not almost without a mistake "
                f"(AUC {max(auc, 1 - auc):.4f}): it holds the answer, or follows from it. Leave it "
                "out."
            )


def _require_both(name: str, table: Table, config: PropensityConfig) -> None:
    done, users = int(table.target.sum()), len(table.target)
    if min(done, users - done) >= FEWEST_OF_A_CLASS:
        return
    raise InputError(
        f"in the periods that are {name}, {done} of {users} users do what is predicted "
        f"(propensity.period.target: {config.period.target}): {FEWEST_OF_A_CLASS} who do and as "
        "many who do not are needed to tell them apart. Change propensity.period.days, or "
        "active_days."
    )


def _best_of_kind(kind: Kind, config: PropensityConfig, train: Table, validation: Table) -> Fitted:
    metric = config.scores[config.deciding]
    truth = validation.target.to_numpy()
    found = []
    for settings, pipeline in candidates(kind, config.classifies, config.seed):
        pipeline.fit(train.features, train.target)
        value = metric(truth, _predictions(pipeline, validation.features, config))
        found.append(Fitted(kind, settings, value, pipeline))
    return _best(found, config)


def _best(fitted: list[Fitted], config: PropensityConfig) -> Fitted:
    sign = -1 if config.deciding in ERRORS else 1
    return max(fitted, key=lambda each: sign * each.validation)


def _predictions(
    pipeline: Pipeline, features: pd.DataFrame, config: PropensityConfig
) -> np.ndarray:
    if config.classifies:
        return pipeline.predict_proba(features)[:, 1]
    return np.maximum(pipeline.predict(features), 0.0)


def _by_rule(learned: Table, test: Table, config: PropensityConfig) -> np.ndarray:
    if not config.classifies:
        return test.features[f"value_{config.period.days}d"].to_numpy(dtype=float)
    rises = config.period.target == "leaves"
    curve = IsotonicRegression(increasing=rises, out_of_bounds="clip")
    curve.fit(learned.features["recency_days"], learned.target.astype(float))
    return curve.predict(test.features["recency_days"])


def _together(*tables: Table) -> Table:
    return Table(
        pd.concat([table.features for table in tables], ignore_index=True),
        pd.concat([table.target for table in tables], ignore_index=True),
        pd.concat([table.users for table in tables], ignore_index=True),
    )
