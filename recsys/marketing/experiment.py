"""What the experiments of all tasks have in common."""

from typing import Any, Protocol

from recsys.tracking import TrackingConfig


class TaskExperiment(Protocol):
    """An experiment of a task, as resolved.

    Attributes:
        task: as the file names it.
        name: of the run folder.
        seed: of everything drawn; names the folder of the run within that of the name.
        tracking: whether and where MLflow is told of the run.
    """

    @property
    def task(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def tracking(self) -> TrackingConfig: ...

    def model_dump(self, *, mode: str = ...) -> dict[str, Any]:
        """As plain values."""
        ...
