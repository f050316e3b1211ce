"""How an experiment is tracked."""

from pydantic import Field

from recsys.config import StrictConfig

# The alias in the registry of the model that is in use.
CHAMPION = "champion"


class TrackingConfig(StrictConfig):
    """Where a run is shown in MLflow and what it registers there.

    The store is not part of the experiment: it is ``<runs-dir>/mlflow.db``, or
    whatever the environment variable ``MLFLOW_TRACKING_URI`` names.
    """

    enabled: bool = Field(True, description="whether the run is logged to MLflow")
    experiment: str = Field(
        "recsys", min_length=1, description="the MLflow experiment that gathers the runs"
    )
    register_model: bool = Field(
        True, description="register the exported model in the model registry"
    )
    model_name: str | None = Field(
        None,
        pattern=r"^[^/:]+$",
        description="name in the model registry; the name of the run where none is given",
    )
    uncommitted_changes: bool = Field(
        True,
        description="send what was changed since the last commit, `uncommitted.diff`; the run's "
        "folder has it either way",
    )
    system_metrics_interval: float = Field(
        10.0, ge=0, description="seconds between samples of CPU, memory and GPU; 0 for none"
    )
