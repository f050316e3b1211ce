"""The log of a dataset: how an experiment describes it, with what a model may read of an event."""

from pydantic import Field, field_validator

from recsys.data.prepare.features.kinds import Features
from recsys.data.sources.config import LogConfig


class EventLogConfig(LogConfig):
    """An interaction log, and which of its columns say what an event was."""

    features: Features = Field(
        {},
        description="what a model may read of the events of a history, beside their items "
        "(model.query.event_features): name: kind, or name: {kind: …, column: …, …}, of the kinds "
        "categorical and numeric. A column that plays a role may be one, too",
    )

    @property
    def roles(self) -> dict[str, str]:
        """What each column is needed for, and its name."""
        return {**self.columns.named, **self.feature_columns}

    @property
    def feature_columns(self) -> dict[str, str]:
        """The column of each feature, by the feature in messages."""
        return {f"feature {name}": f.column or name for name, f in self.features.items()}

    @field_validator("features")
    @classmethod
    def _of_events(cls, features: Features) -> Features:
        for name, feature in features.items():
            feature.check(name, "event")
        return features
