"""What trained a run: device, backend, versions and commit of every process that was at it."""

import logging
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras

from recsys.runs.folder import RunFolder, write_text
from recsys.system.devices import device_name
from recsys.system.environment import environment, uncommitted
from recsys.system.source import CHANGED, commit

logger = logging.getLogger(__name__)

PACKAGES = ("recsys", "keras", "tensorflow", "jax", "numpy", "duckdb")


def here() -> dict[str, Any]:
    """This process: the ``device`` that Keras runs on, ``backend``, ``versions`` and ``commit``.

    ``commit`` is None where the code is not a checkout (:func:`recsys.system.source.commit`).
    """
    return {
        "device": device_name(),
        "backend": keras.backend.backend(),
        "versions": versions(),
        "commit": commit(),
    }


def versions() -> dict[str, str]:
    """Those of the packages that figures depend on; what is not installed is left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def record(folder: RunFolder) -> None:
    """Writes down that this process trains the run, unless one like it did so last.

    Args:
        folder: of the run.
    """
    known, now = recorded(folder), here()
    if known and {key: known[-1][key] for key in now} == now:
        return
    began = datetime.now(UTC).isoformat(timespec="seconds")
    found, diff = environment(Path.cwd()), uncommitted(Path.cwd())
    if diff is None and (found["commit"] or "").endswith(CHANGED):
        logger.warning(
            "what was changed since the last commit here is not kept with the run: it is more than "
            "a MiB, or git does not show it"
        )
    made = [folder.provenance, folder.environment, *([folder.uncommitted] if diff else [])]
    folder.uncommitted.unlink(missing_ok=True)
    with folder.files.making(*made):
        folder.write_json(folder.environment, found)
        if diff:
            write_text(folder.uncommitted, diff, private=True)
        folder.write_json(folder.provenance, [*known, {"began": began, **now}])


def tags(folder: RunFolder) -> dict[str, str]:
    """By what MLflow finds a run: the commit, the packages, the device and the cost.

    Args:
        folder: of a run that was trained.
    """
    processes = recorded(folder)
    if not (processes and folder.files.hold(folder.environment, folder.timing)):
        return {}
    around, timing = folder.files.read(folder.environment), folder.files.read(folder.timing)
    commit = around["commit"]
    return {
        **({"mlflow.source.git.commit": commit.removesuffix(CHANGED)} if commit else {}),
        **({"uncommitted_changes": str(commit.endswith(CHANGED)).lower()} if commit else {}),
        "environment": around["digest"],
        "device": processes[-1]["device"],
        "train_seconds": f"{timing['train_seconds']:.1f}",
        "peak_memory_gib": f"{timing['peak_memory_gib']:.2f}",
    }


def recorded(folder: RunFolder) -> list[dict[str, Any]]:
    """The processes that trained a run, the first one first; those of a damaged file are lost.

    Args:
        folder: of the run.
    """
    if not folder.files.hold(folder.provenance):
        return []
    return folder.files.read(folder.provenance)
