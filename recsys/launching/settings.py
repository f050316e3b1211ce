"""The file in which a team keeps how its places are used: a section for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from recsys.config import StrictConfig
from recsys.experiment.file import overridden, read_document, validated
from recsys.launching.docker import DockerConfig
from recsys.launching.kubernetes import KubernetesConfig
from recsys.launching.local import LocalConfig
from recsys.launching.slurm import SlurmConfig

Place = Literal["local", "docker", "slurm", "kubernetes"]


class LaunchSettings(StrictConfig):
    """How experiments are launched, by the place where they run."""

    local: LocalConfig = Field(LocalConfig(), description="on this machine")
    docker: DockerConfig = Field(DockerConfig(), description="in a container")
    slurm: SlurmConfig = Field(SlurmConfig(), description="on a cluster under Slurm")
    kubernetes: KubernetesConfig = Field(KubernetesConfig(), description="on Kubernetes")


def read_settings(path: Path | None, place: Place, given: Mapping[str, Any]) -> LaunchSettings:
    """The settings of a file, and of the options of a command, which win.

    Args:
        path: of a YAML file; None: there is none.
        place: which section the options are of.
        given: values by key; those that are None were not given.

    Raises:
        InputError: there is no such file, or a setting is wrong.

    >>> read_settings(None, "slurm", {"gpus": 2, "hours": None}).slurm.gpus
    2
    """
    values = {f"{place}.{key}": value for key, value in given.items() if value is not None}
    if path is None:
        return validated(LaunchSettings, overridden({}, values), f"launch {place}")
    document = read_document(path, values, what="settings file")
    for key in ("name", "task"):  # which an experiment has
        del document[key]
    return validated(LaunchSettings, document, str(path))
