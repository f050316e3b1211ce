"""The exported model of a run in ONNX, by the command and in Python."""

import json
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
import pytest

import recsys
from recsys.errors import InputError
from tests.commands import recsys as recsys_command

pytest.importorskip("tf2onnx")
pytestmark = pytest.mark.slow
# What a program says that has ONNX Runtime and NumPy alone.
ALONE = """
import json, sys
import numpy as np
import onnxruntime

def ask(graph, **inputs):
    session = onnxruntime.InferenceSession(f"{sys.argv[1]}/{graph}.onnx")
    return session.run(None, {name: np.array(given, object) for name, given in inputs.items()})

history = [["i3", "i4", "nothing"], ["", "", ""], ["i9", "", "i3"]]
items, scores = ask("serving_default", history=history)
(vectors,) = ask("embed_query", history=history)
excluded, _ = ask("recommend_excluding", history=history, exclude=items[:, :2])
(of_items,) = ask("embed_items", item_id=["i3", "nothing"])
loaded = {name.partition(".")[0] for name in sys.modules}
print(json.dumps({
    "items": items.tolist(), "vectors": vectors.tolist(), "excluded": excluded[:, 0].tolist(),
    "of_items": of_items.tolist(), "loaded": sorted(loaded & {"recsys", "tensorflow", "keras"}),
}))
"""


@pytest.fixture(scope="module")
def exported(work, names):
    done = recsys_command("onnx", "runs/average/1", cwd=work)
    assert done.returncode == 0, done.stderr
    assert "answers of 64 probes within" in done.stderr
    return work / done.stdout.strip()


def test_what_is_written_answers_without_tensorflow(run, exported):
    assert exported.relative_to(Path.cwd()) == Path("runs/average/1/onnx/1")
    command = [sys.executable, "-c", ALONE, str(exported)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=exported)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["loaded"] == []
    histories = [["i3", "i4"], [], ["i9", "i3"]]
    vectors = run.embed_users(histories=histories).to_numpy()
    np.testing.assert_allclose(found["vectors"], vectors, atol=1e-6)
    assert np.linalg.norm(vectors[0] - vectors[2]) > 1e-3
    best = run.recommend(histories=histories, k=3)["item"].to_numpy().reshape(3, 3)
    assert [row[:2] for row in found["items"]] == best[:, :2].tolist()
    assert found["excluded"] == best[:, 2].tolist()
    assert np.any(found["of_items"][0]) and not np.any(found["of_items"][1])


def test_the_manifest_says_what_it_is(run, exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    assert manifest["parity"]["largest_relative_difference"] < 1e-5
    signatures = run.model.manifest["signatures"]
    assert manifest["signatures"]["serving_default"] == signatures["serving_default"]
    assert set(manifest["files"]) == {
        "embed_items.onnx", "embed_query.onnx", "recommend_excluding.onnx", "serving_default.onnx",
        "item_vectors.bin", "vectors.parquet",
    }  # fmt: skip


def test_what_stands_in_the_way_is_one_message(run, exported, monkeypatch, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = recsys_command("onnx", "runs/average/1", "--output", str(tmp_path))
    assert done.returncode == 2 and "is not an export to ONNX" in done.stderr
    assert (tmp_path / "mine.txt").is_file()
    copy = shutil.copytree(run.model.folder, tmp_path / "copy")
    with pytest.raises(InputError, match="without its run"):
        recsys.load(copy).onnx()
    found = PathFinder.find_spec
    monkeypatch.delitem(sys.modules, "tf2onnx", raising=False)
    hidden = lambda name, *rest: None if name == "tf2onnx" else found(name, *rest)  # noqa: E731
    monkeypatch.setattr(PathFinder, "find_spec", hidden)
    with pytest.raises(InputError, match=r"recsys onnx needs tf2onnx, .*'recsys\[onnx\]'"):
        run.onnx()
