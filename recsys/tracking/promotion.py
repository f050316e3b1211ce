"""Which version of a registered model is in use: where an alias stands, who moved it and why."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import InputError
from recsys.tracking import models, record
from recsys.tracking.logged_model import DIGEST_TAG
from recsys.tracking.registry import asking
from recsys.tracking.run import MARK_TAG

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Attributes:
        name: of the model.
        number: of the version.
        run_folder: the folder of its run, where it is among those of the runs folder.
        tags: facts about it.
    """

    name: str
    number: str
    run_folder: Path | None
    tags: dict[str, str]

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


def registered(run_folder: Path, model: Path, runs_dir: Path) -> Version:
    """The registered version that a run's exported model is.

    Args:
        run_folder: of the run.
        model: the folder of the exported model.
        runs_dir: holds the default store, unless ``MLFLOW_TRACKING_URI`` names another one.

    Raises:
        InputError: it is not registered there, or the server does not answer.
    """
    digest = models.digest(model)
    ids = set(record.read(run_folder).values())
    with asking(str(model), runs_dir) as (client, _):
        for run_id in ids:
            for each in client.search_model_versions(f"run_id = '{run_id}'"):
                if each.tags.get(DIGEST_TAG) == digest:
                    return _version(each, runs_dir)
    raise InputError(
        f"{model} is no version of a registered model: run the experiment with tracking "
        "(`tracking: {enabled: true, register_model: true}`), or send the run there by "
        f"`recsys upload {run_folder}`"
    )


def holder(name: str, alias: str, runs_dir: Path) -> Version | None:
    """The version that an alias names now; None: there is no such alias.

    Args:
        name: of the registered model.
        alias: such as ``champion``.
        runs_dir: see :func:`registered`.

    Raises:
        InputError: there is no such model, or the server does not answer.
    """
    with asking(f"models:/{name}@{alias}", runs_dir) as (client, _):
        number = client.get_registered_model(name).aliases.get(alias)
        if number is None:
            return None
        return _version(client.get_model_version(name, number), runs_dir)


def move(version: Version, alias: str, reason: str, runs_dir: Path) -> None:
    """Moves an alias, and writes down who did it, when, why, and where it stood.

    Args:
        version: that gets it.
        alias: such as ``champion``.
        reason: in words.
        runs_dir: see :func:`registered`.

    Raises:
        InputError: the server does not answer, or does not permit it.
    """
    before = holder(version.name, alias, runs_dir)
    with _moving(version, alias, runs_dir) as client:
        if before is not None and before.number != version.number:
            _tag(client, version, alias, replaced=before.number)
        _tag(client, version, alias, by=_person(), at=_now(), reason=reason)
        client.set_registered_model_alias(version.name, alias, version.number)


def move_back(name: str, alias: str, reason: str, runs_dir: Path) -> tuple[Version, Version]:
    """Moves an alias to where it stood before.

    Args:
        name: of the registered model.
        alias: such as ``champion``.
        reason: in words.
        runs_dir: see :func:`registered`.

    Returns:
        The version that had the alias, and the one that has it now.

    Raises:
        InputError: there is no such model or alias, it stood nowhere before, or that version was
            removed.
    """
    now = holder(name, alias, runs_dir)
    if now is None:
        raise InputError(
            f"{name} has no {alias}: `recsys promote RUN --as {alias}` gives it to a version"
        )
    number = now.tags.get(f"{alias}.replaced")
    if number is None:
        raise InputError(f"{now} is the first {alias}: there is none to go back to")
    with asking(f"models:/{name}/{number}", runs_dir) as (client, _):
        before = _version(client.get_model_version(name, number), runs_dir)
    with _moving(before, alias, runs_dir) as client:
        _tag(client, before, alias, by=_person(), at=_now(), reason=reason)
        client.set_registered_model_alias(name, alias, number)
    return now, before


@contextmanager
def _moving(version: Version, alias: str, runs_dir: Path) -> "Iterator[MlflowClient]":
    with asking(f"models:/{version.name}@{alias}", runs_dir) as (client, _):
        yield client


def _version(found: Any, runs_dir: Path) -> Version:
    tags = dict(found.tags)
    folder = record.folders(runs_dir).get(tags.get(MARK_TAG, ""))
    return Version(found.name, str(found.version), folder, tags)


def _tag(client: "MlflowClient", version: Version, alias: str, **facts: str) -> None:
    for name, value in facts.items():
        client.set_model_version_tag(version.name, version.number, f"{alias}.{name}", value)


def _person() -> str:
    """Who is at work, as MLflow names the user of a run."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, such as a container's
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
