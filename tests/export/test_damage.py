"""A SavedModel that is not what was exported is not asked."""

import shutil

import pytest

from recsys.errors import Damaged
from recsys.export.manifest import FILE, read_manifest
from recsys.export.recommend import Recommender
from tests.damage import DAMAGES

NAMES = [
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "assets.extra/titles.json",
    "assets.extra/tf_serving_warmup_requests",
]


@pytest.fixture
def copy(exports, tmp_path):
    return shutil.copytree(exports["lstm"].folder, tmp_path / "model" / "1")


def test_every_file_is_tried(exports):
    assert sorted(exports["lstm"].manifest["files"]) == sorted(NAMES)


@pytest.mark.parametrize("damage", [*DAMAGES, lambda path: path.unlink()])
@pytest.mark.parametrize("name", [*NAMES, FILE])
def test_it_is_noticed(copy, name, damage):
    Recommender(copy)
    damage(copy / name)
    with pytest.raises(Damaged, match=r"is (damaged|missing|not).*export") as raised:
        Recommender(copy)
    assert str(copy) in raised.value.what


def test_an_item_that_was_replaced_is_not_recommended(copy):
    """The vocabulary is in the graph; of the same length, TensorFlow would not notice."""
    holding = [path for path in copy.rglob("*") if path.is_file() and b"hazel" in path.read_bytes()]
    assert holding
    for path in holding:
        path.write_bytes(path.read_bytes().replace(b"hazel", b"ADVTS"))
    with pytest.raises(Damaged, match="its content is not what was written"):
        Recommender(copy)


def test_what_it_says_of_itself_cannot_be_edited(copy):
    manifest = copy / FILE
    manifest.write_text(manifest.read_text().replace('"seen": "exclude"', '"seen": "allow"'))
    with pytest.raises(Damaged, match=r"manifest\.json is damaged"):
        read_manifest(copy)
