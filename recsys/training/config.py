"""How a retriever is fitted."""

from typing import Literal

from pydantic import Field, NonNegativeInt, model_validator

from recsys.config import Distinct, StrictConfig
from recsys.training.continuation import ContinuationConfig
from recsys.training.optimizer import OptimizerConfig
from recsys.training.privacy import PrivacyConfig


class TrainingConfig(StrictConfig):
    """How a retriever is fitted."""

    epochs: int = Field(20, ge=1, description="passes over the training events, at most")
    batch_size: int = Field(
        128,
        ge=1,
        description="sequences (users, or cuts of long histories) a step, on average: steps of "
        "long ones have fewer, so that all have about equally many events",
    )
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="AdamW or Adagrad")
    precision: Literal["float32", "mixed_bfloat16", "auto"] = Field(
        "float32",
        description="what layers compute in; weights, the loss and softmaxes stay float32. auto: "
        "mixed_bfloat16 on an NVIDIA GPU of compute capability 8.0 or more, float32 elsewhere; "
        "what it became is in metrics.json (timing.precision), and kept by a run that continues",
    )
    patience: int = Field(
        3, ge=1, description="epochs without a better validation metric before training stops"
    )
    overlap: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of max_events that a sequence of a longer history repeats of the one "
        "before it: its targets see more history, for more sequences",
    )
    crop: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of sequences that begin at a random later event, anew each epoch",
    )
    split_timestamp_groups: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of timestamp groups (events of a user at one time, such as a basket) "
        "that are split at random, anew each epoch: the second part is predicted from the first, "
        "too; all else is predicted from what came before the group",
    )
    average_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="memory of a running average of the epochs' weights, which is what is "
        "validated and kept; 0 keeps the weights as they are",
    )
    refit: bool = Field(
        False, description="fit again on train and validation, for the best number of epochs"
    )
    privacy: PrivacyConfig | None = Field(
        None,
        description="differential privacy of users: what training learns of any one of them is "
        "bounded and hidden in noise (JAX only, extra privacy)",
    )
    continue_from: ContinuationConfig | None = Field(
        None,
        description="go on from an earlier run's model, on a log that has grown: a few epochs of "
        "what is new (epochs and the rate's course are those of this section)",
    )
    seeds: Distinct[list[NonNegativeInt]] = Field([1], min_length=1, description="one run each")
    steps_per_dispatch: int = Field(8, ge=1, description="steps that the device takes in one call")
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="seconds between checkpoints within an epoch"
    )

    @model_validator(mode="after")
    def _drops_before_it_stops(self) -> "TrainingConfig":
        optimizer = self.optimizer
        if optimizer.decay == "plateau" and self.patience <= optimizer.plateau_epochs:
            raise ValueError(
                f"patience must be above optimizer.plateau_epochs, received {self.patience} and "
                f"{optimizer.plateau_epochs}: training would stop before the rate ever drops"
            )
        return self

    @model_validator(mode="after")
    def _keeps_users_private(self) -> "TrainingConfig":
        if self.privacy is None:
            return self
        decides = "lets validation, which is of users, decide about the weights"
        against = {
            "refit": (self.refit, decides),
            "optimizer.decay": (self.optimizer.decay == "plateau", f"plateau {decides}"),
            "patience": (
                self.patience != type(self).model_fields["patience"].default,
                f"{decides}; under privacy all epochs are trained, and the last weights kept",
            ),
            "continue_from": (
                self.continue_from is not None,
                "adds to what the earlier model has learned of users",
            ),
            "overlap": (self.overlap, "cuts a user into several sequences; one is trained on"),
        }
        for name, (is_set, why) in against.items():
            if is_set:
                raise ValueError(f"{name}, which goes against privacy, {why}: remove it")
        return self

    def continued(self) -> "TrainingConfig":
        """How a training goes on from an earlier model; itself where it does not."""
        if self.continue_from is None:
            return self
        optimizer = self.continue_from.optimizer(self.optimizer)
        return self.model_copy(update={"epochs": self.continue_from.epochs, "optimizer": optimizer})
