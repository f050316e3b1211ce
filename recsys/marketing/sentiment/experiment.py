"""Experiments of ``task: sentiment``, typed."""

from typing import Literal

from pydantic import Field

from recsys.config import NAME, StrictConfig
from recsys.experiment.run_name import RunName
from recsys.marketing.sentiment.fitting import SentimentConfig
from recsys.marketing.sentiment.reviews import ReviewsConfig
from recsys.tracking import TrackingConfig


class SentimentExperiment(StrictConfig):
    """What reviews say of items, and of the mood of those who write them."""

    task: Literal["sentiment"]
    name: RunName = Field(pattern=NAME, description="names the run folder")
    reviews: ReviewsConfig
    sentiment: SentimentConfig = SentimentConfig()
    tracking: TrackingConfig = TrackingConfig()

    @property
    def seed(self) -> int:
        return self.sentiment.seed
