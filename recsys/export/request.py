"""What an export is asked for."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from recsys.config import Seen, StrictConfig
from recsys.data.manifest import Part
from recsys.evaluation.rerank_config import RerankConfig
from recsys.export.budget import BudgetConfig
from recsys.protection.keys import KeyName


class ExportConfig(StrictConfig):
    """The experiment's ``export`` section."""

    k: int = Field(100, ge=1, description="items that the SavedModel returns for a query")
    filters: list[str] = Field(
        [],
        description="attributes of items (data.items.attributes) that requests may filter by, in "
        "the signature recommend_filtered; without any there is no such signature",
    )
    rerank: RerankConfig | None = Field(
        None,
        description="how the best items are put in another order: less alike, less popular, "
        "fresher; null: by score alone",
    )
    version: str = Field(
        "1", pattern=r"^[0-9]+$", description="folder name that TensorFlow Serving loads by"
    )
    probes: int = Field(64, ge=4, description="histories that the parity gate compares")
    tolerance: float = Field(
        1e-4, gt=0, description="largest accepted difference of a score, relative to its scale"
    )
    quality_queries: int = Field(
        2000,
        ge=1,
        description="queries of the test part that the gate asks the SavedModel, and compares with "
        "their evaluation; of more, as many are drawn",
    )
    timed_queries: int = Field(
        300,
        ge=0,
        description="queries that latency is measured with, in a process whose peak memory is "
        "measured, too; 0: neither is measured",
    )
    budget: BudgetConfig = BudgetConfig()
    license: str = Field(
        "unknown",
        min_length=1,
        description="the model's licence, for its card: an identifier of Hugging Face, such as "
        "apache-2.0 or other",
    )
    signing_key: KeyName | None = Field(
        None,
        description="name of the private key that signs the SavedModel, such as release: its PEM "
        "text is in the environment, as RECSYS_KEY_RELEASE, or RECSYS_KEY_RELEASE_FILE or "
        "RECSYS_KEY_RELEASE_COMMAND says where; null: it is not signed",
    )
    warmup_requests: int = Field(
        8, ge=0, le=900, description="sample requests that TensorFlow Serving replays at start"
    )

    @field_validator("filters")
    @classmethod
    def _once_each(cls, filters: list[str]) -> list[str]:
        if twice := sorted({name for name in filters if filters.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)}: named twice")
        return filters

    @model_validator(mode="after")
    def _limits_are_measured(self) -> "ExportConfig":
        unmeasured = self.budget.limits.keys() - {"size_bytes"}
        if unmeasured and not self.timed_queries:
            raise ValueError(
                f"`budget` limits {', '.join(sorted(unmeasured))}, which `timed_queries: 0` leaves "
                "unmeasured: set it to 300, say"
            )
        return self


class ExportRequest(StrictConfig):
    """Everything that the exporting process needs to know. It travels as JSON."""

    retriever: Path = Field(description="the trained model, a native Keras 3 file (.keras)")
    dataset: Path = Field(description="folder of the prepared dataset")
    catalogue: Path | None = Field(
        None, description="folder of a newer catalogue of its items; None: those of the dataset"
    )
    refresh: dict[str, Any] | None = Field(
        None,
        description="what the newer catalogue changes, as in the manifest; None: there is none",
    )
    probes: Path = Field(description="the .npz file of recsys.export.probes.write_probes")
    model_folder: Path = Field(description="folder of all versions; the version is made in it")
    config: ExportConfig = ExportConfig()
    seen: Seen = Field(
        "exclude", description="whether the ids of a history may be recommended again"
    )
    fitted_part: Part = Field("train", description="last part of the log the model was fitted on")
    experiment: dict[str, Any] = Field(default_factory=dict, description="as resolved")
    own_parts: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="classes of a user's own, as in own_parts.json"
    )
    ranks: Path | None = Field(
        None, description="ranks.parquet of the model's evaluation; None: it was not evaluated"
    )
    cutoffs: tuple[int, ...] = Field((10,), description="evaluation.k of that evaluation")
    seed: int = Field(0, description="of the draw of evaluated queries")
    metrics: dict[str, Any] = Field(default_factory=dict, description="as in metrics.json")
    rerank: dict[str, Any] | None = Field(
        None, description="what `config.rerank` changes, as in rerank.json; None: not measured"
    )
    privacy: dict[str, Any] | None = Field(
        None, description="what training did for users, as in metrics.json; None: nothing"
    )

    @property
    def destination(self) -> Path:
        """The folder of the version that is to be published."""
        return self.model_folder / self.config.version
