"""The experiment's ``evaluation`` section."""

from pydantic import Field, field_validator, model_validator

from recsys.config import StrictConfig
from recsys.evaluation.baselines.item_knn import ItemKNNConfig
from recsys.evaluation.baselines.kinds import AnyBaseline
from recsys.evaluation.baselines.popular import PopularConfig
from recsys.evaluation.baselines.recent_popular import RecentPopularConfig
from recsys.evaluation.metrics import parse_metric


class EvaluationConfig(StrictConfig):
    """How a model is evaluated."""

    k: tuple[int, ...] = Field(
        (5, 10, 20), min_length=1, description="recommendations that each metric looks at"
    )
    metric: str = Field(
        "ndcg@10",
        description="the headline: chosen by, stopped early by and compared by; its k is in `k`",
    )
    baselines: tuple[AnyBaseline, ...] = Field(
        (PopularConfig(), RecentPopularConfig(), ItemKNNConfig()),
        description="evaluated beside the model; each by its kind, or a section with a kind",
    )
    last_only: bool = Field(
        False,
        description="evaluate only the last event of every user, or the last basket (protocol "
        "TIME-LAST)",
    )
    validation_queries: int = Field(
        20_000, ge=1, description="ranked after each epoch at most, evenly spaced over the users"
    )
    bootstrap_samples: int = Field(1000, ge=100, description="of users, for the intervals")
    seed: int = Field(0, ge=0, description="of the bootstrap")
    block_size: int | None = Field(
        None, ge=1, description="queries that are scored at a time; null: what suits the device"
    )

    @field_validator("k")
    @classmethod
    def _positive_and_ascending(cls, k: tuple[int, ...]) -> tuple[int, ...]:
        if min(k) < 1:
            raise ValueError(f"expected whole numbers of 1 or more, received {list(k)}")
        return tuple(sorted(set(k)))

    @field_validator("baselines")
    @classmethod
    def _each_kind_once(cls, baselines: tuple[AnyBaseline, ...]) -> tuple[AnyBaseline, ...]:
        kinds = [baseline.kind for baseline in baselines]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"expected each kind of baseline once, received {', '.join(kinds)}")
        return baselines

    @model_validator(mode="after")
    def _metric_is_computed(self) -> "EvaluationConfig":
        if parse_metric(self.metric)[1] not in self.k:
            raise ValueError(f"`metric` is {self.metric}, and `k` holds {list(self.k)} only")
        return self
