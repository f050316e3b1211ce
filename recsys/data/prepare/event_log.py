"""The log of a dataset: how an experiment describes it, with what a model may read of an event."""

from pydantic import Field, field_validator, model_validator

from recsys.data.prepare.features.kinds import Features
from recsys.data.sources.config import LogConfig
from recsys.data.sources.lakes.snapshot import Span
from recsys.data.sources.times import DateOrTime


class EventLogConfig(LogConfig):
    """An interaction log, and which of its columns say what an event was."""

    since: DateOrTime | None = Field(
        None,
        description="first time that is wanted, with its zone, or a date (in UTC); earlier rows "
        "are left out and counted, and a Delta or Iceberg table skips files that hold nothing else",
    )
    until: DateOrTime | None = Field(
        None, description="time before which rows are wanted, likewise; that time is not included"
    )
    features: Features = Field(
        {},
        description="what a model may read of the events of a history, beside their items "
        "(model.query.event_features): name: kind, or name: {kind: …, column: …, …}, of the kinds "
        "categorical and numeric. A column that plays a role may be one, too",
    )

    @property
    def span(self) -> Span | None:
        """The times that are wanted; None: all."""
        if self.columns.time is None or (self.since is None and self.until is None):
            return None
        return Span(self.columns.time, self.since, self.until)

    @property
    def roles(self) -> dict[str, str]:
        """What each column is needed for, and its name."""
        return {**self.columns.named, **self.feature_columns}

    @property
    def feature_columns(self) -> dict[str, str]:
        """The column of each feature, by the feature in messages."""
        return {f"feature {name}": f.column or name for name, f in self.features.items()}

    @model_validator(mode="after")
    def _wanted_times(self) -> "EventLogConfig":
        limits = {"since": self.since, "until": self.until}
        for setting, limit in limits.items():
            if limit is not None and self.columns.time is None:
                raise ValueError(f"`{setting}` needs a column with the role `time`")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("`since` must be before `until`")
        return self

    @field_validator("features")
    @classmethod
    def _of_events(cls, features: Features) -> Features:
        for name, feature in features.items():
            feature.check(name, "event")
        return features
