"""What a SavedModel may take: limits of the experiment, held to before publication."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from recsys.config import StrictConfig
from recsys.errors import InputError

# How a message names what was measured.
MEASURED = {
    "size_bytes": "bytes on disk",
    "peak_memory_bytes": "bytes of memory of a process that loads and asks it",
    "latency_p50_ms": "ms for a query, the median",
    "latency_p99_ms": "ms for a query, the 99th percentile",
}


class BudgetConfig(StrictConfig):
    """What the SavedModel may take, as the exporting machine measures it; null: any amount."""

    size_bytes: int | None = Field(None, ge=1, description="of all its files but the manifest")
    peak_memory_bytes: int | None = Field(
        None,
        ge=1,
        description="resident in a process of its own that imports TensorFlow, loads the model and "
        "asks it one query after the other",
    )
    latency_p50_ms: float | None = Field(
        None, gt=0, description="median milliseconds of a query on the CPU, at batch 1"
    )
    latency_p99_ms: float | None = Field(
        None, gt=0, description="its 99th percentile, in milliseconds"
    )

    @property
    def limits(self) -> dict[str, float]:
        """Those that are set."""
        return self.model_dump(exclude_none=True)

    def check(self, measured: Mapping[str, Any]) -> None:
        """Refuses a model that takes more than it may.

        Args:
            measured: by the names of the limits; what else there is does not matter.

        Raises:
            InputError: with every figure that is over its limit.
        """
        over = [
            f"{measured[name]:,} {MEASURED[name]}, where {name} is {limit:,}"
            for name, limit in self.limits.items()
            # Written so that what is not a number is over it, too.
            if not measured[name] <= limit
        ]
        if over:
            raise InputError(
                f"the SavedModel is over export.budget, so nothing was published: "
                f"{'; '.join(over)}. Raise the limit, or make the model smaller (model.dim, "
                "model.max_events, the encoder, data.filters), and run the experiment again"
            )
