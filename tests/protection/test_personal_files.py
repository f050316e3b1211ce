"""The table of files that hold something of users."""

import os
from pathlib import Path

import pytest

from recsys.protection.personal_files import (
    PERSONAL_FILES,
    RUN,
    close_to_others,
    is_personal,
    run_folders,
)
from recsys.system.files import atomic_path

RUNS = Path("runs")
# What a runs folder holds beside, and why it needs no protection.
OTHERS = {
    "datasets/0123/items.parquet": "items",
    "datasets/0123/features/item.brand.npy": "of items",
    "datasets/0123/features/user.city.vocabulary.parquet": "values that many users have",
    "shop/1/experiment.yaml": "settings",
    "shop/1/history.json": "the loss by epoch",
    "shop/1/item_map.json": "items",
    "shop/1/stages.json": "seconds and memory",
    "shop/1/manifest.json": "digests",
    "campaigns/spring/1/campaign.json": "counts",
    "mlflow.db": "numbers and settings",
}
HOLDERS = {
    "datasets/0123/users.parquet": "dataset",
    "datasets/0123/event_items.npy": "dataset",
    "datasets/0123/features/user.city.npy": "dataset",
    "datasets/frames/0123.parquet": "rows",
    "datasets/0123-against-4567.html": "remove",
    "shop/1/ranks.parquet": "rows",
    "tuned/trial-3/1/ranks.parquet": "rows",
    "shop/1/users.parquet": "rows",
    "shop/1/report.html": "page",
    "shop/1/at_work.json": "document",
    "shop/1/checkpoints/probes.npz": "remove",
    "shop/1/checkpoints/train/3.npz": "retrain",
    "shop/1/model/1/variables/variables.index": "retrain",
    "shop/1/onnx/1/embed_query.onnx": "retrain",
    "campaigns/spring/1/push-hello.csv": "rows",
    "audiences/quiet/2/members.parquet": "rows",
    "replays/today/actions.parquet": "rows",
    "shop/slurm-12-0.log": "remove",
}


@pytest.mark.parametrize("name", HOLDERS)
def test_files_that_hold_something_of_users(name):
    kind = is_personal(RUNS / name, RUNS)
    assert kind is not None and kind.purge == HOLDERS[name]


@pytest.mark.parametrize("name", OTHERS)
def test_files_that_do_not(name):
    assert is_personal(RUNS / name, RUNS) is None


def test_tables_have_a_column_of_ids():
    for kind in PERSONAL_FILES:
        if kind.purge == "rows" and "frames" not in kind.pattern:
            assert kind.column is not None, kind.pattern
    assert any(kind.pattern.startswith(RUN) for kind in PERSONAL_FILES)


def test_runs_are_found_however_deep_they_lie(tmp_path):
    for name in ("shop/1", "tuned/trial/1", "mlartifacts/1/artifacts", "datasets/0123"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "experiment.yaml").touch()
    found = [path.relative_to(tmp_path).as_posix() for path in run_folders(tmp_path)]
    assert found == ["shop/1", "tuned/trial/1"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_a_private_file_is_its_owners_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        (tmp_path / "new").mkdir(mode=0o700)
        os.chmod(tmp_path / "new", 0o700)
        for _ in range(2):  # one that is there, too
            with atomic_path(tmp_path / "new/ranks.parquet", private=True) as temporary:
                assert temporary.stat().st_mode & 0o777 == 0o600
                temporary.write_text("rows")
            assert (tmp_path / "new/ranks.parquet").stat().st_mode & 0o777 == 0o600
            (tmp_path / "new/ranks.parquet").chmod(0o644)
        close_to_others(tmp_path / "new")
        assert (tmp_path / "new/ranks.parquet").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
