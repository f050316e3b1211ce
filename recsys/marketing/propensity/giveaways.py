"""Columns that alone tell the label: they may be known only afterwards."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from recsys.errors import InputError
from recsys.marketing.measurement.scores import AMOUNTS
from recsys.marketing.propensity.objectives import Objective
from recsys.marketing.propensity.task import Table, Task
from recsys.marketing.users.encoding import RARE, encoding

# A feature that alone tells the answers apart like this has seen them.
LEAKING = 0.999
# A column is asked about if it alone comes this far from chance to perfection, and this far from
# chance to what the estimator reaches with all of them.
OF_PERFECT, OF_ESTIMATOR = 0.5, 2 / 3
# What all together tell so well, some of them may have seen, though none tells it alone.
NEARLY_PERFECT = 0.99
# Of these are named whose shuffling costs this share of what the strongest one's does.
OF_STRONGEST = 0.2
MOST_NAMED = 3
# Rows that a single column learns from, and the steps that its curve may have.
LEARNED_FROM, STEPS = 20_000, 16


def refuse_leaking(features: pd.DataFrame, target: pd.Series, objective: Objective) -> None:
    """Refuses a feature that alone tells the labels apart, as only one that saw them can.

    Raises:
        InputError: there is one.
    """
    for name in features.columns:
        feature = features[name]
        if pd.api.types.is_numeric_dtype(feature):
            # A missing value ranks lowest: that it is missing may be the label.
            ranks, told = feature.rank(na_option="top").to_numpy(), target
        else:
            ranks, told = _mean_labels(feature, target, objective)
        found = objective.alone(ranks, told)
        if found >= LEAKING:
            raise InputError(
                f"the feature {name!r} tells the labels apart almost without a mistake "
                f"({found:.4f} of 1): it holds the label, or follows from it. Leave it out."
            )


def _mean_labels(
    feature: pd.Series, target: pd.Series, objective: Objective
) -> tuple[np.ndarray, pd.Series]:
    """Each value's mean label in one half of the rows, for the other half.

    In the same rows, an id without any meaning would tell everything.
    """
    values = feature.astype(str).reset_index(drop=True)
    numbers = pd.Series(objective.truth(target), dtype=float)
    known, asked = values.index % 2 == 0, values.index % 2 == 1
    means = numbers[known].groupby(values[known]).mean()
    found = values[asked].map(means).fillna(numbers[known].mean())
    return found.to_numpy(), target.reset_index(drop=True)[asked]


@dataclass(frozen=True)
class Giveaway:
    """A column that tells most of what the estimator tells, alone or with others.

    Attributes:
        column: its name.
        alone: how well it tells the labels apart.
        together: how well all columns do.
        measure: in which this is said.
        is_most: alone; otherwise with others, of which none tells as much.
    """

    column: str
    alone: float
    together: float
    measure: str
    is_most: bool = True

    @property
    def sentence(self) -> str:
        """What is asked of anyone who knows the table."""
        if not self.is_most:
            return (
                f"all columns together reach {self.measure} {self.together:.4f}, which is next to "
                f"perfect, and {self.column!r} (alone {self.alone:.2f}) is one that they need "
                "most: is it known before the prediction is made? If not, name it in "
                "table.leave_out"
            )
        return (
            f"{self.column!r} alone reaches {self.measure} {self.alone:.2f}, all columns together "
            f"{self.together:.2f}: is it known before the prediction is made? If not, name it in "
            "table.leave_out"
        )


def giveaways(task: Task, fitted: Pipeline, seed: int) -> list[Giveaway]:
    """Columns to be asked about, since each alone carries most of the label.

    A small tree learns from each column alone, so that it need not rise with the label, and is
    scored on validation as the estimator is: by AUC, which of several classes is the mean of each
    against the others, or by the rank correlation of an amount. :data:`OF_PERFECT` and
    :data:`OF_ESTIMATOR` say how much is most. Where none is found and all together are next to
    perfect (:data:`NEARLY_PERFECT`), two may be the label between them: asked about are those
    whose shuffling costs the estimator most.

    Args:
        task: on a table; those of a log have features as of a cutoff.
        fitted: an estimator, which learned from the same rows.
        seed: of what is drawn.

    Returns:
        At most :data:`MOST_NAMED`, the strongest first.
    """
    objective, validation = task.objective, task.validation
    together = _told(objective, validation, fitted)
    chance = 0.5 if objective.classifies else 0.0
    least = chance + max(OF_PERFECT * (1 - chance), OF_ESTIMATOR * (together - chance))
    rows = task.train.features.sample(frac=1, random_state=seed).index[:LEARNED_FROM]
    features, target = task.train.features.loc[rows], task.train.target.loc[rows]
    found = {}
    for name in features.columns:
        tree = DecisionTreeClassifier if objective.classifies else DecisionTreeRegressor
        steps = tree(max_leaf_nodes=STEPS, min_samples_leaf=RARE, random_state=seed)
        alone = make_pipeline(encoding(impute=False), steps).fit(features[[name]], target)
        found[str(name)] = _told(objective, validation, alone)
    strongest = sorted(found, key=lambda name: -found[name])[:MOST_NAMED]
    named = [name for name in strongest if found[name] >= least]
    is_most = bool(named)
    if not named and together >= NEARLY_PERFECT:
        lost = _lost(task, fitted, together, seed)
        named = [*lost.index[:MOST_NAMED]]
    measure = "AUC" if objective.classifies else "a rank correlation of"
    return [Giveaway(name, found[name], together, measure, is_most) for name in named]


def _lost(task: Task, fitted: Pipeline, together: float, seed: int) -> pd.Series:
    """What shuffling each column costs, the most first, without those that cost next to nothing."""
    table, generator = task.validation, np.random.default_rng(seed)
    lost = {}
    for name in table.features.columns:
        shuffled = generator.permutation(table.features[name].to_numpy())
        features = table.features.assign(**{name: shuffled})
        lost[str(name)] = together - _told(
            task.objective, replace(table, features=features), fitted
        )
    found = pd.Series(lost).sort_values(ascending=False)
    return found[found > OF_STRONGEST * found.max()]


def _told(objective: Objective, table: Table, fitted: Pipeline) -> float:
    """How well the labels of a table are told apart: AUC, or rank correlation."""
    known = table.features[list(fitted.feature_names_in_)]
    predicted, truth = objective.predictions(fitted, known), objective.truth(table.target)
    if not objective.classifies:
        return AMOUNTS["rank_correlation"](truth, predicted)
    if predicted.ndim == 1:
        return float(roc_auc_score(truth, predicted))
    there = np.unique(truth)
    return float(np.mean([roc_auc_score(truth == each, predicted[:, each]) for each in there]))
