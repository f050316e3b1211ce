"""Of the checkpoints of a training, the newest two are kept."""

import contextlib
import doctest

import numpy as np
import pytest

from recsys.training import checkpoint, checkpoint_folder
from recsys.training.checkpoint import CheckpointWriter
from recsys.training.checkpoint_folder import CheckpointFolder, Place, places
from tests.damage import flip


@pytest.fixture
def folder(tmp_path):
    """Three checkpoints were written in it; the second epoch was the best."""
    with contextlib.closing(CheckpointWriter()) as writer:
        files = CheckpointFolder(tmp_path, writer)
        for epoch, best_epoch in ((1, 1), (2, 2), (3, 2)):
            if epoch == best_epoch:
                files.save_best(epoch, {"weights": np.full(3, epoch)})
            files.save(Place(epoch, 0, best_epoch), {"table": np.full(3, epoch)}, {"at": epoch})
    return tmp_path


def load(folder):
    with contextlib.closing(CheckpointWriter()) as writer:
        return CheckpointFolder(folder, writer).load()


def test_older_ones_are_removed(folder):
    (folder / "probes.npz").touch()
    with contextlib.closing(CheckpointWriter()) as writer:
        CheckpointFolder(folder, writer).save(Place(3, 10, 2), {}, {})
    assert places(folder) == [(3, 10, 2), (3, 0, 2)]
    names = {path.name for path in folder.iterdir()}
    assert names == {"probes.npz", "best-0002.npz", *(place.name for place in places(folder))}


def test_the_newest_is_read(folder):
    state, metadata = load(folder)
    assert metadata == {"at": 3} and state["table"].tolist() == [3, 3, 3]


def test_a_damaged_one_gives_way_to_the_one_before_and_is_removed(folder, caplog):
    newest, before = places(folder)
    flip(folder / newest.name)
    assert load(folder)[1] == {"at": 2}
    assert (
        f"{newest.name} is damaged" in caplog.text and f"goes on from {before.name}" in caplog.text
    )
    assert places(folder) == [before]


def test_one_without_its_best_epoch_is_worth_nothing(folder, caplog):
    flip(folder / "best-0002.npz")
    assert load(folder) is None and places(folder) == []
    assert caplog.text.count("best-0002.npz is damaged") == 2
    assert "starts again from its first epoch" in caplog.text


def test_nothing_is_removed_before_the_new_one_is_whole(folder, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_checkpoint", full)
    before = sorted(folder.iterdir())
    writer = CheckpointWriter()
    CheckpointFolder(folder, writer).save(Place(4, 0, 2), {}, {})
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    assert sorted(folder.iterdir()) == before


def test_the_examples():
    assert doctest.testmod(checkpoint_folder).failed == 0
