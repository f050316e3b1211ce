"""How odd a log may be before a run is refused."""

from pydantic import Field

from recsys.config import StrictConfig


class LimitsConfig(StrictConfig):
    """Limits on what `recsys data check` finds; a run of a log that is beyond one is refused.

    Each is off until it is set. Rows that cannot be read have theirs in `log.max_quarantined`.
    """

    repeated_rows: float | None = Field(
        None, ge=0, le=1, description="share of the rows that repeat another one in every column"
    )
    fast_events: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the events by users with more than `fast_rate` events in an hour",
    )
    fast_rate: int = Field(
        500,
        ge=1,
        description="events of a user in one hour (in one day, where times are whole days) beyond "
        "which a person is implausible",
    )
    mixed_ids: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the user or item ids that are not whole numbers where most are, or "
        "the other way around",
    )
    single_event_users: float | None = Field(
        None, ge=0, le=1, description="share of the users with one event"
    )
    single_event_items: float | None = Field(
        None, ge=0, le=1, description="share of the items of the log with one event"
    )
    missing_values: float | None = Field(
        None, ge=0, le=1, description="share of users, items or events without a value of a feature"
    )
    constant_features: int | None = Field(
        None, ge=0, description="features that have one value, or none at all"
    )
    outliers: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the values of a numeric feature that are more than ten deviations "
        "from its mean",
    )
    volume_factor: float | None = Field(
        None,
        ge=1,
        description="how many times more or fewer events than the median a period may have; the "
        "first and the last, which may be cut off, do not count",
    )
    item_drift: float | None = Field(
        None,
        ge=0,
        le=1,
        description="L-infinity distance of the shares of items in training and in test: the most "
        "by which the share of one item differs",
    )
    new_items: float | None = Field(
        None, ge=0, le=1, description="share of the test events with an item new since training"
    )
    new_users: float | None = Field(
        None, ge=0, le=1, description="share of the test events by a user new since training"
    )
    unknown_items: float | None = Field(
        None, ge=0, le=1, description="against another dataset: share of events with other items"
    )
    unknown_users: float | None = Field(
        None, ge=0, le=1, description="against another dataset: share of events by other users"
    )
    categorical_distance: float | None = Field(
        None,
        ge=0,
        le=1,
        description="against another dataset: L-infinity distance of the distribution of items or "
        "of a categorical feature over the events",
    )
    numeric_divergence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="against another dataset: Jensen-Shannon divergence, to base 2, of the "
        "distribution of a numeric feature over the events",
    )
    new_values: float | None = Field(
        None,
        ge=0,
        le=1,
        description="against another dataset: share of events with a value of a categorical "
        "feature that is not there",
    )
    missing_increase: float | None = Field(
        None,
        ge=0,
        le=1,
        description="against another dataset: by how much the share of events without a value of "
        "a feature may be higher",
    )

    @property
    def is_set(self) -> bool:
        """Whether a log can be beyond any."""
        return any(value is not None for name, value in self if name != "fast_rate")
