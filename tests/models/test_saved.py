"""A trained retriever as a file."""

import numpy as np
import pytest

from recsys.errors import Damaged
from recsys.models.saved import load_retriever
from tests.damage import DAMAGES
from tests.export.conftest import make_retriever


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
