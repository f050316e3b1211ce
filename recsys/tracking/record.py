"""``mlflow.json`` in the run folder: which MLflow runs hold this run."""

import uuid
from pathlib import Path
from typing import Any

from recsys.system.manifests import read_manifest, write_manifest
from recsys.system.reading import reading

FILE = "mlflow.json"
LOCAL = "local"
MEND = "It names the MLflow run to continue: remove it to start a new one"


def read(run_folder: Path) -> dict[str, str]:
    """Run ids by store, ``local`` for the default one, else its address; the newest last.

    Raises:
        Damaged: the file is there but does not hold what was written.
    """
    file = run_folder / FILE
    runs = _document(run_folder)["runs"]
    with reading(file, MEND):
        return {str(store): str(run_id) for store, run_id in runs.items()}


def remember(run_folder: Path, store: str, run_id: str) -> None:
    """Writes down, atomically, the run id that a store gave to this run."""
    document, runs = _document(run_folder), read(run_folder)
    runs.pop(store, None)
    runs[store] = run_id
    _write(run_folder, {**document, "runs": runs})


def mark(run_folder: Path) -> tuple[str, bool]:
    """What every MLflow run of this folder is tagged with, and whether it is new.

    It is written down before a run is begun: a process that is killed before it has written the
    run's own id down leaves a run that this finds.
    """
    document = _document(run_folder)
    if "mark" in document:
        return str(document["mark"]), False
    made = uuid.uuid4().hex
    _write(run_folder, {**document, "mark": made})
    return made, True


def mark_of(run_folder: Path) -> str | None:
    """What :func:`mark` gave this folder; None: nothing yet."""
    found = _document(run_folder).get("mark")
    return None if found is None else str(found)


def folders(runs_dir: Path) -> dict[str, Path]:
    """The folders of runs by what :func:`mark` gave them, those of sweeps' trials among them."""
    files = [*runs_dir.glob(f"*/*/{FILE}"), *runs_dir.glob(f"sweeps/*/*/*/{FILE}")]
    marks = {mark_of(file.parent): file.parent for file in sorted(files, reverse=True)}
    return {mark: folder for mark, folder in marks.items() if mark is not None}


def forget(run_folder: Path) -> None:
    """Has the run begin another one in every store."""
    (run_folder / FILE).unlink(missing_ok=True)


def _document(run_folder: Path) -> dict[str, Any]:
    file = run_folder / FILE
    if not file.is_file():
        return {"runs": {}}
    document = read_manifest(file, MEND)
    with reading(file, MEND):
        return {**document, "runs": dict(document["runs"])}


def _write(run_folder: Path, document: dict[str, Any]) -> None:
    run_folder.mkdir(parents=True, exist_ok=True)
    write_manifest(run_folder / FILE, document)
