"""Where the versions of a model come from: a folder of them, one of them, or the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recsys.errors import InputError
from recsys.runs.opening import open_exported
from recsys.system.files import given_path

REGISTERED = "models:/"
MODEL = "saved_model.pb"
# A path that holds no version number of its own.
ONLY = "1"


class Source(Protocol):
    """Versions of one model."""

    @property
    def name(self) -> str | None:
        """Of the model, where the source has one."""
        ...

    def versions(self) -> Mapping[str, Path]:
        """The folders of the versions that there are now, by number."""
        ...


def find_source(artefact: str, runs_dir: Path) -> Source:
    """What an argument means, as :func:`recsys.load` reads it.

    Args:
        artefact: the folder of a version, of versions or of a run, or ``models:/NAME@ALIAS``.
        runs_dir: where the MLflow store lies, unless ``MLFLOW_TRACKING_URI`` names another.

    Raises:
        InputError: there is nothing of that kind.
    """
    if artefact.startswith(REGISTERED):
        return RegistrySource(artefact, runs_dir)
    folder = given_path(artefact, f"serve (or {REGISTERED}NAME@ALIAS)")
    if not folder.is_dir():
        raise InputError(
            f"{folder} is a file, not the folder of a run or of a model"
            if folder.exists()
            else f"there is no folder {folder}"
        )
    if (folder / MODEL).is_file():
        return OneVersion(folder)
    if (folder / "experiment.yaml").is_file() or any(folder.glob("*/experiment.yaml")):
        run = open_exported(folder)
        if not run.model.is_dir():
            raise InputError(f"{run.path} has no exported model: `recsys export` writes it")
        return VersionFolder(run.model)
    if VersionFolder(folder).versions():
        return VersionFolder(folder)
    raise InputError(
        f"{folder} holds neither a run (experiment.yaml) nor an exported model ({MODEL})"
    )


@dataclass(frozen=True)
class VersionFolder:
    """A folder with a folder a version, named by its number, as TensorFlow Serving reads it."""

    folder: Path
    name: str | None = None

    def versions(self) -> Mapping[str, Path]:
        found = [each.parent for each in self.folder.glob(f"[0-9]*/{MODEL}")]
        return {each.name: each for each in found if each.name.isdecimal()}


@dataclass(frozen=True)
class OneVersion:
    """The folder of one version."""

    folder: Path
    name: str | None = None

    def versions(self) -> Mapping[str, Path]:
        number = self.folder.resolve().name
        there = (self.folder / MODEL).is_file()
        return {number if number.isdecimal() else ONLY: self.folder} if there else {}


class RegistrySource:
    """What an address of MLflow's registry means now; an alias may move to another version."""

    def __init__(self, address: str, runs_dir: Path) -> None:
        self._address, self._runs_dir = address, runs_dir
        self._fetched: dict[str, Path] = {}

    @property
    def name(self) -> str:
        return self._address.removeprefix(REGISTERED).partition("@")[0].partition("/")[0]

    def versions(self) -> Mapping[str, Path]:
        from recsys.tracking.registry import fetch_model, version_number

        number = version_number(self._address, self._runs_dir)
        if number not in self._fetched:
            exact = f"{REGISTERED}{self.name}/{number}"
            self._fetched = {number: fetch_model(exact, self._runs_dir)}
        return self._fetched
