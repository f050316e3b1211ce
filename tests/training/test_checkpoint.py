"""Checkpoints come back as they were, or not at all."""

import numpy as np
import pytest

from recsys.errors import Damaged
from recsys.training.checkpoint import load_checkpoint, save_checkpoint
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
    with pytest.raises(Damaged, match=r"last\.npz is (damaged|missing).*--overwrite"):
        load_checkpoint(path)


def test_any_flipped_bit_is_noticed(path):
    """But in what nobody reads, such as the times of the archive's parts."""
    whole, _ = load_checkpoint(path)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 16
        path.write_bytes(changed)
        try:
            arrays, metadata = load_checkpoint(path)
        except Damaged:
            continue
        assert metadata == {"epoch": 3}
        assert {name: each.tolist() for name, each in arrays.items()} == {
            name: each.tolist() for name, each in whole.items()
        }


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "pickled.npz"
    np.savez(path, metadata=np.frombuffer(b"{}", np.uint8), table=np.array([{}], dtype=object))
    with pytest.raises(Damaged):
        load_checkpoint(path)
