"""Files and folders in whole or not at all, and nothing left of killed processes."""

import os
import subprocess
from pathlib import Path

import pytest

from recsys.system.files import atomic_path, draft_folder, remove_drafts


@pytest.fixture(scope="module")
def killed() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_or_left_alone(tmp_path):
    file = tmp_path / "a.json"
    with atomic_path(file) as draft:
        draft.write_text("old")
    with pytest.raises(OSError), atomic_path(file) as draft:
        draft.write_text("half")
        raise OSError
    assert file.read_text() == "old" and names(tmp_path) == ["a.json"]


def test_a_draft_folder_is_gone_in_the_end(tmp_path):
    with draft_folder(tmp_path / "new" / "a") as draft:
        (draft / "file").touch()
        assert draft.parent == tmp_path / "new" and draft.name.startswith(".")
    with pytest.raises(KeyboardInterrupt), draft_folder(tmp_path / "new" / "a"):
        raise KeyboardInterrupt
    assert names(tmp_path / "new") == []


def test_what_a_killed_process_left_goes_when_the_same_is_written_again(tmp_path, killed):
    (tmp_path / f".{killed}-a.json").touch()
    (tmp_path / f".{killed}-b").mkdir()
    with atomic_path(tmp_path / "a.json") as draft:
        draft.touch()
    assert names(tmp_path) == [f".{killed}-b", "a.json"]
    with draft_folder(tmp_path / "b") as draft:
        pass
    assert names(tmp_path) == ["a.json"]


def test_drafts_of_living_processes_and_all_else_are_left_alone(tmp_path, killed):
    kept = [f".{os.getppid()}-a", ".hidden", ".1a-b", "-1-c", ".lock"]
    for name in [*kept, f".{killed}-a", f".{os.getpid()}-a"]:
        (tmp_path / name).touch()
    below = tmp_path / "checkpoints"
    (below / f".{killed}-folder" / "deeper").mkdir(parents=True)
    (below / "last.npz").touch()
    (tmp_path / f".{killed}-link").symlink_to(below)
    remove_drafts(tmp_path)
    assert names(tmp_path) == sorted([*kept, "checkpoints"])
    assert names(below) == ["last.npz"]
