"""``mlflow.json`` in the run folder: which MLflow runs hold this run."""

import json
from pathlib import Path

from recsys.system.files import atomic_path
from recsys.system.reading import read_json, reading

FILE = "mlflow.json"
LOCAL = "local"
MEND = "It names the MLflow run to continue: remove it to start a new one"


def read(run_folder: Path) -> dict[str, str]:
    """Run ids by store, ``local`` for the default one, else its address; the newest last.

    Raises:
        InputError: the file is there but cannot be read as such a table.
    """
    file = run_folder / FILE
    if not file.is_file():
        return {}
    runs = read_json(file, MEND, ["runs"])["runs"]
    with reading(file, MEND):
        return {str(store): str(run_id) for store, run_id in runs.items()}


def remember(run_folder: Path, store: str, run_id: str) -> None:
    """Writes down, atomically, the run id that a store gave to this run."""
    runs = read(run_folder)
    runs.pop(store, None)
    runs[store] = run_id
    run_folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(run_folder / FILE) as temporary:
        temporary.write_text(json.dumps({"runs": runs}, indent=2) + "\n")


def forget(run_folder: Path) -> None:
    """Has the run begin another one in every store."""
    (run_folder / FILE).unlink(missing_ok=True)
