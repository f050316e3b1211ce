"""A version appears complete or not at all."""

import errno
from pathlib import Path

import pytest

from recsys.export.publish import published


def test_a_finished_folder_takes_its_place(tmp_path: Path):
    with published(tmp_path / "model/1") as folder:
        (folder / "file").write_text("new")
        assert not (tmp_path / "model/1").exists()
    assert (tmp_path / "model/1/file").read_text() == "new"
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["1"]


def test_it_replaces_the_previous_one(tmp_path: Path):
    for content in ("old", "new"):
        with published(tmp_path / "1") as folder:
            (folder / content).touch()
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path):
    with published(tmp_path / "1") as folder:
        (folder / "old").touch()
    with pytest.raises(OSError), published(tmp_path / "1") as folder:
        (folder / "half").touch()
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_what_a_killed_export_left_is_no_obstacle(tmp_path: Path):
    (tmp_path / ".1.partial").mkdir()
    (tmp_path / ".1.partial/half").touch()
    with published(tmp_path / "1") as folder:
        assert not list(folder.iterdir())
