"""An experiment's settings of its data: the sources, what is filtered, and the split."""

from pydantic import Field, field_validator, model_validator

from recsys.config import StrictConfig
from recsys.data.limits import LimitsConfig
from recsys.data.prepare import filters, splits
from recsys.data.prepare.event_log import EventLogConfig
from recsys.data.prepare.side_table import TableConfig
from recsys.data.sources.shared_columns import refuse_shared
from recsys.protection.config import ProtectionConfig


class DataConfig(StrictConfig):
    """What to learn from, and what to hold out."""

    log: EventLogConfig
    users: TableConfig | None = Field(None, description="side table of users")
    items: TableConfig | None = Field(None, description="side table of items")
    repeats: filters.Repeats = Field(
        "keep",
        description="which events of the same user, item and event type to keep: all, the first, "
        "or the last in each part of the split, so that training does not depend on what happens "
        "later (the value of the one kept is the sum at its time)",
    )
    minimum_user_events: int = Field(
        1,
        ge=1,
        description="users with fewer are removed until all have that many; counted over the "
        "whole log, as in published figures, so events after the split count, too",
    )
    minimum_item_events: int = Field(
        1, ge=1, description="items with fewer are removed until all have that many; likewise"
    )
    minimum_item_users: int = Field(
        1,
        ge=1,
        description="items that fewer users have are removed likewise, so that no exported "
        "catalogue tells what few users did",
    )
    split: splits.SplitConfig = Field(
        splits.TimeSplit(), description="what is held out for validation and test"
    )
    protection: ProtectionConfig = ProtectionConfig()
    limits: LimitsConfig = Field(
        LimitsConfig(), description="how odd the log may be before a run is refused"
    )

    @field_validator("users")
    @classmethod
    def _only_what_users_have(cls, users: TableConfig | None) -> TableConfig | None:
        if users is not None and users.title is not None:
            raise ValueError("only items have a title")
        if users is not None and users.attributes:
            raise ValueError("only items have attributes: a model is not filtered by users")
        for name, feature in (users.features if users is not None else {}).items():
            feature.check(name, "user")
        return users

    @field_validator("items")
    @classmethod
    def _only_what_items_have(cls, items: TableConfig | None) -> TableConfig | None:
        for name, feature in (items.features if items is not None else {}).items():
            feature.check(name, "item")
        return items

    @field_validator("log")
    @classmethod
    def _roles_have_columns_of_their_own(cls, log: EventLogConfig) -> EventLogConfig:
        refuse_shared(log.columns.named)
        return log

    @model_validator(mode="after")
    def _items_are_named(self) -> "DataConfig":
        about_items = {
            "items": self.items is not None,
            "repeats": self.repeats != "keep",
            "minimum_item_events": self.minimum_item_events > 1,
            "minimum_item_users": self.minimum_item_users > 1,
        }
        for setting, used in about_items.items():
            if used and self.log.columns.item is None:
                raise ValueError(f"`{setting}` needs a column of the log with the role `item`")
        return self

    @model_validator(mode="after")
    def _ids_are_replaced_everywhere(self) -> "DataConfig":
        if self.protection.pseudonyms is None:
            return self
        tables: dict[str, tuple[EventLogConfig | TableConfig, str]]
        tables = {"log": (self.log, self.log.columns.user)}
        if self.users is not None:
            tables["users"] = (self.users, self.users.key)
        for source, (table, user) in tables.items():
            for name, feature in table.features.items():
                if (feature.column or name) == user:
                    raise ValueError(
                        f"`{source}.features.{name}` would hold the user ids that "
                        "`protection.pseudonyms` replaces: leave the feature out"
                    )
        return self


class WholeLogConfig(DataConfig):
    """A log as it is: nothing is removed from it, and nothing is held out."""

    split: splits.Unsplit = splits.Unsplit()  # type: ignore[assignment]

    @classmethod
    def of(cls, config: DataConfig) -> "WholeLogConfig":
        """How another config reads its log and its tables."""
        read = {name: getattr(config, name) for name in ("log", "users", "items", "protection")}
        return cls(**read, limits=config.limits)
