"""Experiments of ``task: propensity``, typed."""

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from recsys.config import NAME, StrictConfig
from recsys.data.prepare.config import DataConfig
from recsys.experiment.run_name import RunName
from recsys.marketing.propensity.labelled_table import LabelledTableConfig
from recsys.marketing.propensity.model_selection import EstimatorsConfig
from recsys.marketing.propensity.objectives import Statistic
from recsys.marketing.propensity.periods import PeriodConfig
from recsys.marketing.users.description import FeaturesConfig
from recsys.tracking import TrackingConfig


class PropensityConfig(EstimatorsConfig):
    """What is predicted of users, from what, by what."""

    period: PeriodConfig = PeriodConfig()
    features: FeaturesConfig = FeaturesConfig()
    statistic: Statistic = Field(
        "mean",
        description="what is predicted of an amount: the mean adds up to what all users spend; the "
        "median is what a typical one does, often nothing, and adds up to far less",
    )
    currency: str | None = Field(
        None,
        min_length=1,
        max_length=10,
        description="behind the amounts on pages, such as € or USD; of `target: value` and of "
        "labels that are amounts",
    )
    explained_users: PositiveInt = Field(
        300, description="users who get reasons, those with the highest predictions"
    )

    @property
    def of_amounts(self) -> str | None:
        """A setting that only amounts have; None if there is none."""
        if self.statistic != "mean":
            return "statistic"
        return "currency" if self.currency is not None else None


class PropensityExperiment(StrictConfig):
    """What users will do: a task on a log, or on a table with a label column."""

    task: Literal["propensity"]
    name: RunName = Field(pattern=NAME, description="names the run folder and the model")
    data: DataConfig | None = Field(None, description="a log; or else `table`")
    table: LabelledTableConfig | None = Field(
        None, description="a row per user with the label in a column; or else `data`"
    )
    propensity: PropensityConfig = PropensityConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _asks_one_source(self) -> "PropensityExperiment":
        if (self.data is None) == (self.table is None):
            raise ValueError("give either `data`, a log, or `table`, rows with a label")
        log_only = {"period", "features"} & self.propensity.model_fields_set
        if self.table is not None and log_only:
            raise ValueError(
                f"propensity.{min(log_only)} is a setting of logs (`data`): take it out, as a "
                "table has its own columns"
            )
        if self.data is not None and self.data.log.features:
            raise ValueError(
                "data.log.features are read by models of histories, and by no description of a "
                "user: leave them out, or name them in data.users.features of a users table"
            )
        of_amounts, target = self.propensity.of_amounts, self.propensity.period.target
        if self.data is not None and of_amounts and target != "value":
            raise ValueError(
                f"propensity.{of_amounts} needs amounts, and propensity.period.target is {target}: "
                "leave the setting out, or predict `target: value`"
            )
        return self

    @property
    def seed(self) -> int:
        return self.propensity.seed
