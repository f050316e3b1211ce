"""Files and folders in whole or not at all, and nothing left of killed processes."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.system import files
from recsys.system.files import (
    atomic_path,
    draft_folder,
    locked,
    remove_drafts,
    remove_lock,
    whole_folder,
    without_detours,
)


@pytest.fixture(scope="module")
def killed() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_keeps_its_mode(tmp_path):
    file = tmp_path / "addresses.csv"
    with atomic_path(file) as draft:
        draft.write_text("old")
    file.chmod(0o600)
    with atomic_path(file) as draft:
        draft.write_text("new")
    assert file.stat().st_mode & 0o777 == 0o600


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


class TestWholeFolder:
    def test_it_appears_when_it_is_done(self, tmp_path):
        with whole_folder(tmp_path / "model" / "1") as folder:
            (folder / "file").write_text("new")
            assert not (tmp_path / "model" / "1").exists()
        assert (tmp_path / "model" / "1" / "file").read_text() == "new"
        assert names(tmp_path / "model") == ["1"]

    def test_it_replaces_what_was_there(self, tmp_path):
        for content in ("old", "new"):
            with whole_folder(tmp_path / "1", replaces=True) as folder:
                (folder / content).touch()
        assert names(tmp_path / "1") == ["new"] and names(tmp_path) == ["1"]

    def test_it_replaces_nothing_unless_told(self, tmp_path):
        (tmp_path / "1").mkdir()
        with whole_folder(tmp_path / "1") as folder:  # empty
            (folder / "old").touch()
        with pytest.raises(OSError), whole_folder(tmp_path / "1") as folder:
            (folder / "new").touch()
        assert names(tmp_path / "1") == ["old"] and names(tmp_path) == ["1"]

    def test_a_full_disk_leaves_what_was_there(self, tmp_path):
        with whole_folder(tmp_path / "1") as folder:
            (folder / "old").touch()
        with pytest.raises(OSError), whole_folder(tmp_path / "1", replaces=True) as folder:
            (folder / "half").touch()
            raise OSError(errno.ENOSPC, "No space left on device")
        assert names(tmp_path / "1") == ["old"] and names(tmp_path) == ["1"]

    def test_what_was_there_comes_back_if_it_cannot_be_replaced(self, tmp_path, monkeypatch):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "old").touch()
        replace, asked = os.replace, []

        def fails_once(source, target):
            asked.append(source)
            if len(asked) == 2:
                raise KeyboardInterrupt
            replace(source, target)

        with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "1", replaces=True):
            monkeypatch.setattr(os, "replace", fails_once)
        assert names(tmp_path / "1") == ["old"] and names(tmp_path) == ["1"]

    def test_what_a_killed_process_left_is_no_obstacle(self, tmp_path, killed):
        (tmp_path / f".{killed}-1" / "new").mkdir(parents=True)
        (tmp_path / f".{killed}-1" / "new" / "half").touch()
        with whole_folder(tmp_path / "1") as folder:
            assert names(folder) == []
        assert names(tmp_path) == ["1"]


class TestLocked:
    def test_a_second_is_refused_until_the_first_is_done(self, tmp_path):
        path = tmp_path / "runs" / "1"
        with locked(path):
            with (
                pytest.raises(InputError, match="wait for it"),
                locked(path, "wait for it"),
            ):
                pass
            with locked(tmp_path / "runs" / "2", "another"):
                pass
        with locked(path, "wait for it"):
            assert not path.exists()

    def test_a_second_waits(self, tmp_path):
        order = []

        def second():
            with locked(tmp_path / "a"):
                order.append("second")

        thread = threading.Thread(target=second)
        with locked(tmp_path / "a"):
            thread.start()
            thread.join(0.2)
            assert thread.is_alive()
            order.append("first")
        thread.join()
        assert order == ["first", "second"]

    def test_one_that_its_holder_removed_is_made_anew(self, tmp_path):
        """Whoever waits for it does not come to hold a lock that nobody else sees."""
        path, seen = tmp_path / "runs" / "1", []

        def second():
            with locked(path):
                seen.append(names(path.parent))

        thread = threading.Thread(target=second)
        with locked(path):
            thread.start()
            thread.join(0.2)
            remove_lock(path)
            assert not path.parent.exists()
        thread.join()
        assert seen == [[".1.lock"]]
        (path.parent / "2").mkdir()
        with locked(path):
            remove_lock(path)
        assert names(path.parent) == ["2"]

    def test_a_killed_process_gives_it_up(self, tmp_path):
        program = (
            "import os, pathlib, sys\nfrom recsys.system.files import locked\n"
            "with locked(pathlib.Path(sys.argv[1])):\n    os.kill(os.getpid(), 9)"
        )
        done = subprocess.run([sys.executable, "-c", program, tmp_path / "a"])
        assert done.returncode == -9
        with locked(tmp_path / "a", "it is not"):
            pass

    def test_a_file_system_without_locks(self, tmp_path, monkeypatch):
        def refuse(*_):
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(files.fcntl, "flock", refuse)
        with (
            pytest.raises(InputError, match="Function not implemented"),
            locked(tmp_path / "a"),
        ):
            pass

    def test_here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with locked(Path("."), "busy"):
            pass


def test_a_path_is_shown_without_detours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "a").mkdir(parents=True)
    assert without_detours(Path("runs/a/../../runs/a")) == Path("runs/a")
    assert without_detours(tmp_path / "runs" / "a" / "..") == tmp_path / "runs"
    # Behind a link, `..` is the folder above the place that the link leads to.
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "deep")
    assert without_detours(Path("link/../x")) == tmp_path / "elsewhere" / "x"
