"""A prepared dataset whose files were damaged: noticed, and prepared again when it is needed."""

import shutil

import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.errors import Damaged
from tests.damage import DAMAGES, flip
from tests.data.conftest import COLUMNS, CUTS, RELATIVE, SMALL_LOG

NAMES = [
    "manifest.json",
    "user_offsets.npy",
    "part_ends.npy",
    "event_items.npy",
    "event_weights.npy",
    "history_ends.npy",
    "event_times.npy",
    "event_values.npy",
    "event_channels.npy",
    "item_counts.npy",
    "users.parquet",
    "items.parquet",
    "channels.parquet",
    "quarantine.parquet",
    "features/item.colour.npy",
    "features/item.colour.vocabulary.parquet",
]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    header, *rows = SMALL_LOG.splitlines()
    lines = [f"{header},value,channel", *(f"{row},2.5,web" for row in rows)]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    (folder / "items.csv").write_text("id,colour\nx,red\ny,blue\nz,red\nw,blue\n")
    columns = {**COLUMNS, "value": "value", "channel": "channel"}
    items = {"path": str(folder / "items.csv"), "key": "id"}
    items["features"] = {"colour": {"kind": "categorical"}}
    log = {"path": str(folder / "log.csv"), "columns": columns, **RELATIVE}
    return DataConfig.model_validate({"log": log, "items": items, "split": CUTS})


@pytest.fixture(scope="module")
def original(config, tmp_path_factory):
    return prepare(config, tmp_path_factory.mktemp("datasets")).path


@pytest.fixture
def copy(original, tmp_path):
    folder = tmp_path / "datasets" / original.name
    shutil.copytree(original, folder)
    return folder


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_every_file_is_tried(original):
    assert sorted(contents(original)) == sorted(NAMES)


@pytest.mark.parametrize("damage", [*DAMAGES, lambda path: path.unlink()])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_noticed(copy, name, damage):
    Dataset(copy).verify()
    damage(copy / name)
    with pytest.raises(Damaged, match="recsys prepare") as raised:
        Dataset(copy).verify()
    assert (copy.name if name == "manifest.json" else name) in raised.value.what


@pytest.mark.parametrize("name", ["event_items.npy", "items.parquet", "manifest.json"])
def test_it_is_prepared_again(config, original, copy, caplog, name):
    flip(copy / name)
    assert prepare(config, copy.parent).path == copy
    assert f"{name} is damaged" in caplog.text and "it is prepared again" in caplog.text
    assert contents(copy) == contents(original)
    assert [folder.name for folder in copy.parent.iterdir()] == [copy.name]


def test_who_has_it_open_keeps_it(config, copy):
    items = Dataset(copy).event_items
    before = items.tolist()
    flip(copy / "users.parquet")
    prepare(config, copy.parent)
    assert items.tolist() == before


def test_a_half_written_folder_is_prepared_again(config, original, copy, caplog):
    (copy / "manifest.json").unlink()
    prepare(config, copy.parent)
    assert "half written: it is prepared again" in caplog.text
    assert contents(copy) == contents(original)


def test_opening_compares_sizes_alone(copy):
    flip(copy / "event_items.npy")
    Dataset(copy)
    np.save(copy / "event_items.npy", np.zeros(3, np.int32))
    with pytest.raises(Damaged, match=r"event_items\.npy is damaged"):
        Dataset(copy)


@pytest.mark.parametrize("name", ["users", "items", "channels", "features/item.colour.vocabulary"])
def test_ids_and_names_are_checked_as_they_are_read(copy, name):
    flip(copy / f"{name}.parquet")
    dataset = Dataset(copy)
    with pytest.raises(Damaged, match=f"{name}.parquet is damaged"):
        _ = (
            dataset.user_ids,
            dataset.item_ids,
            dataset.event_names("channel"),
            dataset.vocabulary("item", "colour"),
        )
