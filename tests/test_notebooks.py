"""The evaluation notebook runs from top to bottom on a tiny run."""

from pathlib import Path

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from nbclient.exceptions import CellExecutionError

from recsys.export.manifest import FILE, describe_signatures
from recsys.system.manifests import write_folder_manifest
from tests.notebooks import NOTEBOOKS, execute_notebook, output
from tests.reports.synthetic import write_run

NOTEBOOK = NOTEBOOKS / "evaluate.ipynb"
ITEMS = [f"i{number}" for number in range(12)]


QUERY = {
    "history": tf.TensorSpec([None, None], tf.string, name="history"),
    "gender": tf.TensorSpec([None], tf.string, name="gender"),
    "taste": tf.TensorSpec([None, 3], tf.float32, name="taste"),
}


class Served(tf.Module):
    """Answers every history with the first ten items, with the signatures of an export.

    A query's vector counts how often ``i1`` is in its history, which speaks for ``i0`` alone.
    """

    @tf.function(input_signature=list(QUERY.values()))
    def recommend(self, history: tf.Tensor, gender: tf.Tensor, taste: tf.Tensor) -> dict:
        del gender, taste
        rows = tf.shape(history)[0]
        return {
            "item_id": tf.tile(tf.constant([[*ITEMS[:10], ""]]), [rows, 1]),
            "score": tf.tile(tf.range(11, 0, -1, tf.float32)[None], [rows, 1]),
        }

    @tf.function(input_signature=list(QUERY.values()))
    def embed_query(self, history: tf.Tensor, gender: tf.Tensor, taste: tf.Tensor) -> dict:
        del gender, taste
        count = tf.math.count_nonzero(history == "i1", axis=1, dtype=tf.float32)
        return {"embedding": tf.stack([count, tf.zeros_like(count)], axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="item_id")])
    def embed_items(self, item_id: tf.Tensor) -> dict:
        speaks = tf.cast(item_id == "i0", tf.float32)
        return {"embedding": tf.stack([speaks, tf.ones_like(speaks)], axis=1)}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("project") / "runs" / "tiny-lstm" / "0")
    served = Served()
    version = folder / "model" / "1"
    signatures = {
        "serving_default": served.recommend,
        "embed_query": served.embed_query,
        "embed_items": served.embed_items,
    }
    tf.saved_model.save(served, str(version), signatures)
    (version / "assets.extra").mkdir()
    manifest = {
        "model": {"k": 11, "max_events": 50},
        "signatures": describe_signatures(tf.saved_model.load(str(version)).signatures),
    }
    (version / "assets.extra" / "titles.json").write_text('{"i0": "The First Item"}')
    write_folder_manifest(version, FILE, manifest)
    held_out = [(f"u{user}", item, 1) for user in range(4) for item in ITEMS[:4]]
    columns = zip(("user_id", "item_id", "rank"), zip(*held_out, strict=True), strict=True)
    pq.write_table(pa.table(dict(columns)), folder / "ranks.parquet")
    return folder


pytestmark = pytest.mark.usefixtures("kernel_environment")


def execute(cwd: Path, cells: int | None = None) -> nbformat.NotebookNode:
    return execute_notebook(NOTEBOOK, cwd, cells)


def test_the_notebook_runs_on_the_newest_run(run_folder: Path) -> None:
    notebook = execute(run_folder.parents[2])
    printed = output(notebook, "stdout")
    assert "tiny-lstm: runs/tiny-lstm/0, judged by ndcg@10" in printed
    assert "tiny-lstm is better than popular" in printed
    assert "1.42 times as popular" in printed
    assert output(notebook, "image/svg+xml").count("<svg ") == 4
    tables = output(notebook, "text/html")
    assert "0.0850 (0.072" in tables
    assert (
        tables.count("The First Item") == 7
    )  # in three histories, three answers and one explained
    assert tables.count("because of: i1 (+1.00)") == 1


def test_a_run_can_be_named(run_folder: Path, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RECSYS_RUN", str(run_folder))
    assert f"tiny-lstm: {run_folder}" in output(execute(tmp_path, cells=3), "stdout")


def test_without_a_run_it_says_what_to_do(tmp_path) -> None:
    with pytest.raises(CellExecutionError, match="make quickstart"):
        execute(tmp_path, cells=3)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_no_outputs_are_stored(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs") and not cell.get("execution_count")
