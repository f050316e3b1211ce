"""An approximate index of a run, by the command and in Python."""

from pathlib import Path

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.export.ann.index import ApproximateIndex
from tests.commands import recsys as recsys_command

pytest.importorskip("faiss")
pytestmark = pytest.mark.slow


def test_the_command_builds_what_answers_as_the_model_does(run):
    done = recsys_command("index", "runs/average/1", "kind=ivf", "k=5", "nlist=1")
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder == Path("runs/average/1/index/1")
    assert "24 items, ivf: finds 1.0000 of the 5 best" in done.stderr
    index = ApproximateIndex.load(folder, run.model.folder)
    histories = [["i3", "i4"], []]
    found, scores = index.search(run.embed_users(histories=histories).to_numpy(), 5, histories)
    answers = run.recommend(histories=histories, k=5)
    assert found.reshape(-1).tolist() == answers["item"].tolist()
    np.testing.assert_allclose(scores.reshape(-1), answers["score"], rtol=1e-5)


def test_a_setting_that_is_none_is_one_message(run):
    done = recsys_command("index", "runs/average/1", "king=ivf")
    assert done.returncode == 2 and "king" in done.stderr and "Traceback" not in done.stderr
    with pytest.raises(InputError, match="min_recall"):
        run.index(min_recall=2)


def test_what_is_not_an_index_stays(run, tmp_path):
    """A file, a folder of somebody's, and the model itself."""
    (tmp_path / "notes.txt").write_text("mine")
    model = run.model.folder
    for path in (tmp_path / "notes.txt", tmp_path, model):
        with pytest.raises(InputError, match="is there already, and is not an approximate index"):
            run.index(path, k=5)
    assert (tmp_path / "notes.txt").read_text() == "mine" and (model / "saved_model.pb").is_file()


def test_another_folder_is_written_where_it_is_named(run, tmp_path):
    index = run.index(tmp_path / "here", k=5)
    assert index.folder == tmp_path / "here" and len(index) == 24
    assert {file.name for file in index.folder.iterdir()} == {
        "manifest.json", "index.faiss", "vectors.npy", "vectors.parquet",
    }  # fmt: skip
