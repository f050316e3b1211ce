"""A trained retriever as a file."""

import numpy as np
import pytest

from recsys.errors import Damaged
from recsys.models.saved import load_retriever
from tests.damage import DAMAGES
from tests.datasets import write_dataset
from tests.export.conftest import make_retriever
from tests.processes import run_python


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "retriever.keras"
    make_retriever({}).save(path)
    return path


def test_it_comes_back(original):
    np.testing.assert_array_equal(
        load_retriever(original).item_vectors(), make_retriever({}).item_vectors()
    )


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused(original, tmp_path, damage):
    path = tmp_path / original.name
    path.write_bytes(original.read_bytes())
    damage(path)
    with pytest.raises(Damaged, match=r"retriever\.keras is damaged.*recsys train"):
        load_retriever(path)


def test_a_missing_one_is_refused(tmp_path):
    with pytest.raises(Damaged, match="is missing"):
        load_retriever(tmp_path / "retriever.keras")


def test_on_jax_tensorflow_is_not_imported_for_it(tmp_path):
    write_dataset(tmp_path / "dataset", [[[0, 1], [2], [1]]], 3)
    program = """
import pathlib, sys
from recsys.data.dataset import Dataset
from recsys.models.retriever import ModelConfig
from recsys.models.saved import load_retriever, save_retriever
from recsys.training.build import build_retriever
retriever = build_retriever(ModelConfig(dim=8), Dataset(pathlib.Path("dataset")), "train", 1)
file = pathlib.Path("retriever.keras")
save_retriever(retriever, file)
vectors = load_retriever(file).item_vectors()
assert (vectors == retriever.item_vectors()).all()
assert "tensorflow" not in sys.modules
"""
    done = run_python("jax", "-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
