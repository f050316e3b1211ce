"""How the best items of an answer are put in another order: the settings."""

from pydantic import Field, model_validator

from recsys.config import StrictConfig


class FreshnessConfig(StrictConfig):
    """What is added to the score of new items."""

    weight: float = Field(
        gt=0, description="of an item of today, in standard deviations of the candidates' scores"
    )
    half_life_days: float = Field(
        gt=0, description="days after its first event in which an item loses half of that"
    )


class RerankConfig(StrictConfig):
    """The ``export.rerank`` section: how the best items of each answer are put in another order.

    Weights are in standard deviations of the scores of the row's candidates, so they mean the same
    whatever the loss.
    """

    diversity: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="maximal marginal relevance: the weight of the cosine with the most similar "
        "item above, against 1 minus it of the score",
    )
    popularity: float = Field(
        0.0,
        ge=0,
        description="taken off the score for each standard deviation of the logarithm of an item's "
        "events",
    )
    freshness: FreshnessConfig | None = Field(
        None, description="added to the score of items whose first event was lately; null: nothing"
    )
    candidates: int = Field(
        5, ge=1, description="the best items that are put in order, times `export.k`"
    )

    @model_validator(mode="after")
    def _changes_something(self) -> "RerankConfig":
        if not (self.diversity or self.popularity or self.freshness):
            raise ValueError("changes nothing: give diversity, popularity or freshness, or none")
        return self
