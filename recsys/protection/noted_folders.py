"""Folders of recommendations to users, which may lie anywhere: a list by which they are found.

``<runs-dir>/recommendations.json`` has them, so that ``recsys forget`` can look into what was
written of users outside the runs folder, and says what it cannot reach.
"""

import os
from pathlib import Path

from recsys.system.files import locked
from recsys.system.manifests import read_manifest, write_manifest
from recsys.system.reading import reading

FILE = "recommendations.json"
# What such a folder has beside its parts. Readers of folders of Parquet files skip names with `_`.
MANIFEST = "_manifest.json"
PARTS = "part-*.parquet"
MEND = "Restore a copy of it, or remove it: folders that it named are then out of reach"


def noted_folders(runs_dir: Path) -> list[Path]:
    """The folders of the list, there or not.

    Raises:
        Damaged: the list is not what was written.
    """
    path = runs_dir / FILE
    if not path.is_file():
        return []
    with reading(path, MEND):
        folders = read_manifest(path, MEND)["folders"]
        return [Path(os.path.normpath(runs_dir / folder)) for folder in folders]


def note_folder(runs_dir: Path, folder: Path) -> None:
    """Adds a folder to the list.

    Args:
        runs_dir: whose list.
        folder: in which recommendations of its users are written.

    Raises:
        Damaged: see :func:`noted_folders`.
    """
    path = runs_dir / FILE
    with locked(path):
        there = noted_folders(runs_dir)
        if folder.resolve() not in [each.resolve() for each in there]:
            # As runs name their datasets: what moves together goes on knowing each other.
            root = runs_dir.resolve()
            folders = [os.path.relpath(each.resolve(), root) for each in (*there, folder)]
            write_manifest(path, {"format": 1, "folders": folders}, private=True)
