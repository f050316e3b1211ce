"""What trained a run: device, backend, versions and commit of every process that was at it."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras

from recsys.runs.folder import RunFolder
from recsys.system.devices import device_name
from recsys.system.source import commit

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
    with folder.files.making(folder.provenance):
        folder.write_json(folder.provenance, [*known, {"began": began, **now}])


def recorded(folder: RunFolder) -> list[dict[str, Any]]:
    """The processes that trained a run, the first one first; those of a damaged file are lost.

    Args:
        folder: of the run.
    """
    if not folder.files.hold(folder.provenance):
        return []
    return folder.files.read(folder.provenance)
