import errno

import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.data.sources import generate as generate_module
from recsys.data.sources.generate import generate
from recsys.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate_module, "CHUNK", 7_000)
        return generate(tmp_path_factory.mktemp("log") / "made", 20_000, 300, 200, seed=3)


def test_log_has_its_size_and_order(folder):
    log = pq.read_table(folder / "interactions.parquet").to_pandas()
    assert len(log) == 20_000
    assert log["time"].is_monotonic_increasing
    assert log["user"].nunique() <= 300 and log["item"].nunique() > 150
    assert pq.read_table(folder / "users.parquet").num_rows == 300
    assert pq.read_table(folder / "items.parquet").num_rows == 200


def test_popularity_is_zipf(folder):
    counts = pq.read_table(folder / "interactions.parquet")["item"].value_counts()
    ordered = np.sort(counts.field("counts").to_numpy())[::-1]
    assert ordered[0] > 20 * np.median(ordered)


def test_tastes_drift(folder):
    """A user's categories of the first quarter say little of the last quarter's."""
    log = pq.read_table(folder / "interactions.parquet").to_pandas()
    items = pq.read_table(folder / "items.parquet").to_pandas().set_index("item")
    log["category"] = log["item"].map(items["category"])
    size = len(log) // 8

    def favourites(part):
        return part.groupby("user")["category"].agg(lambda values: values.mode()[0])

    first, second = favourites(log[:size]), favourites(log[size : 2 * size])
    last = favourites(log[-size:])
    near = (first == second.reindex(first.index)).mean()
    far = (first == last.reindex(first.index)).mean()
    assert near > 0.4 and far < near / 2


def test_seed_decides(tmp_path):
    made = {name: generate(tmp_path / name, 500, 20, 30, seed=seed)
            for name, seed in (("a", 1), ("b", 1), ("c", 2))}  # fmt: skip
    read = {name: (path / "interactions.parquet").read_bytes() for name, path in made.items()}
    assert read["a"] == read["b"] != read["c"]


def test_it_prepares(folder, tmp_path):
    features = {
        "category": "categorical",
        "tags": "multivalued",
        "title": "text",
        "price": "numeric",
    }
    config = DataConfig.model_validate(
        {
            "log": {"path": str(folder / "interactions.parquet"),
                    "columns": {"user": "user", "item": "item", "time": "time", "value": "price"}},
            "items": {"path": str(folder / "items.parquet"), "key": "item", "title": "title",
                      "features": features},
        }
    )  # fmt: skip
    dataset = prepare(config, tmp_path)
    assert dataset.events == 20_000 and dataset.items == 200
    assert [feature.name for feature in dataset.manifest.item_features] == list(features)


def test_bad_requests(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="at least 2"):
        generate(tmp_path / "x", 1, 10, 10)
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        generate(tmp_path / "used", 10, 10, 10)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(generate_module, "_write_log", full)
    with pytest.raises(InputError, match="the disk is full"):
        generate(tmp_path / "y", 10, 10, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["used"]
