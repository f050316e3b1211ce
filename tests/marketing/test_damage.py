"""Runs that ask about users: what of them was damaged is answered again, or refused."""

import shutil

import pandas as pd
import pytest
import yaml

from recsys import marketing
from recsys.errors import InputError
from recsys.marketing.audiences.users_table import read_users
from recsys.marketing.page import recommended_by_segment, write_page
from recsys.marketing.propensity.experiment import PropensityExperiment
from recsys.marketing.propensity.run import run_propensity
from recsys.marketing.reports.users_report import write_users_report
from recsys.runs.folder import RunFolder
from tests.damage import empty, flip, truncate


@pytest.fixture
def copy(prediction, tmp_path):
    """The folder of a run, with the dataset where it looks for it."""
    runs = prediction.parents[1]
    shutil.copytree(runs / "datasets", tmp_path / "runs" / "datasets")
    return shutil.copytree(prediction, tmp_path / "runs" / "buys" / prediction.name)


def run_again(folder):
    document = yaml.safe_load((folder / "experiment.yaml").read_text())
    return run_propensity(PropensityExperiment.model_validate(document), folder.parents[1])


NAMES = ["metrics.json", "users.parquet", "predictions.parquet", "model/1/model.skops"]


def test_whatever_is_damaged_is_answered_again(copy, caplog):
    written = (copy / "metrics.json").stat().st_mtime_ns
    run_again(copy)
    assert (copy / "metrics.json").stat().st_mtime_ns == written and not caplog.text
    before = pd.read_parquet(copy / "users.parquet")
    for name, damage in zip(NAMES, (flip, truncate, empty, flip), strict=True):
        damage(copy / name)
    run_again(copy)
    for name in NAMES:
        assert f"{name} is damaged" in caplog.text
    assert RunFolder(copy).files.hold(*(copy / name for name in NAMES))
    pd.testing.assert_frame_equal(pd.read_parquet(copy / "users.parquet"), before)


@pytest.mark.parametrize("damage", [flip, truncate, empty])
def test_damaged_users_are_neither_read_nor_shown(copy, tmp_path, damage):
    damage(copy / "users.parquet")
    said = r"users\.parquet is damaged"
    with pytest.raises(InputError, match=said):
        read_users({"buys": str(copy)})
    with pytest.raises(InputError, match=said):
        recommended_by_segment([copy], copy)
    with pytest.raises(InputError, match=said):
        write_users_report([copy], tmp_path / "page.html", "Users")


def test_results_of_another_version_are_one_message_and_made_again(copy, tmp_path):
    folder = RunFolder(copy)
    found = folder.read_metrics()
    with folder.files.making(folder.metrics):
        older = {name: found[name] for name in found if name not in ("format", "input_example")}
        curves = {name: found["curves"][name] for name in found["curves"] if "baseline" not in name}
        folder.write_json(folder.metrics, {**older, "curves": curves})
    run = marketing.load(copy)
    for read in (
        lambda: run.metrics,
        lambda: run.plot.curves(),
        run.summary,
        lambda: write_users_report([copy], tmp_path / "page.html", "Users"),
    ):
        with pytest.raises(InputError, match=r"another version wrote it\. Run the exper"):
            read()
    run_again(copy)
    assert folder.read_metrics()["curves"] == found["curves"]


@pytest.mark.parametrize("name", ["metrics.json", "experiment.yaml"])
@pytest.mark.parametrize("damage", [flip, truncate, empty])
def test_damaged_documents_are_not_shown(copy, tmp_path, name, damage):
    damage(copy / name)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        write_users_report([copy], tmp_path / "page.html", "Users")


@pytest.mark.parametrize("name", ["audience.json", "campaign.json", "replay.json"])
def test_documents_of_another_program_are_not_shown(tmp_path, name):
    (tmp_path / name).write_text('{"campaigns": [], "version": 3}')
    with pytest.raises(InputError, match=f"{name} has no number of a format"):
        write_page([tmp_path], tmp_path / "page.html", "Users")
