"""Checkpoints come back as they were, or not at all."""

import contextlib
import threading

import numpy as np
import pytest

from recsys.errors import Damaged
from recsys.training import checkpoint
from recsys.training.checkpoint import CheckpointWriter, load_checkpoint, save_checkpoint
from tests.damage import DAMAGES


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoints" / "last.npz"
    save_checkpoint(path, {"table": np.arange(12.0).reshape(3, 4)}, {"epoch": 3})
    return path


def test_it_comes_back(path):
    arrays, metadata = load_checkpoint(path)
    assert arrays["table"].tolist() == np.arange(12.0).reshape(3, 4).tolist()
    assert metadata == {"epoch": 3}


@pytest.mark.parametrize("damage", [*DAMAGES, lambda path: path.unlink()])
def test_a_damaged_one_is_refused(path, damage):
    damage(path)
    with pytest.raises(Damaged, match=r"last\.npz is (damaged|missing).*overwrite=True"):
        load_checkpoint(path)


def test_any_flipped_bit_is_noticed(path):
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 16
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            load_checkpoint(path)


def test_numpy_reads_it_as_an_archive(path):
    with np.load(path) as archive:
        assert archive["table"].shape == (3, 4)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "pickled.npz"
    save_checkpoint(path, {"table": np.array([{}], dtype=object)}, {})
    with pytest.raises(Damaged):
        load_checkpoint(path)


def test_what_training_changes_meanwhile_is_not_written(tmp_path, monkeypatch):
    may_write = threading.Event()
    write = save_checkpoint

    def slow(*arguments):
        assert may_write.wait(30)
        write(*arguments)

    monkeypatch.setattr(checkpoint, "save_checkpoint", slow)
    weights = np.zeros(3)
    with contextlib.closing(CheckpointWriter()) as writer:
        writer.save(tmp_path / "last.npz", {"weights": weights}, {"epoch": 1})
        weights += 1
        may_write.set()
    arrays, metadata = load_checkpoint(tmp_path / "last.npz")
    assert arrays["weights"].tolist() == [0, 0, 0] and metadata == {"epoch": 1}


def test_what_is_too_large_to_copy_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST_SHARE", 0.0)
    with contextlib.closing(CheckpointWriter()) as writer:
        writer.save(tmp_path / "last.npz", {"weights": np.zeros(3)}, {"epoch": 1})
        assert load_checkpoint(tmp_path / "last.npz")[1] == {"epoch": 1}


def test_after_a_failure_nothing_that_stands_on_it_is_written(tmp_path, monkeypatch):
    write = save_checkpoint

    def full(path, *arguments):
        if path.name == "best.npz":
            raise OSError(28, "No space left on device")
        write(path, *arguments)

    monkeypatch.setattr(checkpoint, "save_checkpoint", full)
    writer = CheckpointWriter()
    writer.save(tmp_path / "best.npz", {}, {"epoch": 2})
    writer.save(tmp_path / "last.npz", {}, {"best_epoch": 2})
    with pytest.raises(OSError, match="No space left"):
        writer.close()
    assert list(tmp_path.iterdir()) == []
