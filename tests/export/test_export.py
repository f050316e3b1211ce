"""The export as its caller sees it: a process of its own, all or nothing."""

import json
import re
import subprocess
from pathlib import Path

import pytest

import recsys.export.export as export_module
from recsys.errors import ExportError, InputError
from recsys.export.export import export_in_subprocess
from recsys.export.manifest import read_manifest
from recsys.export.request import ExportConfig, ExportRequest
from tests.processes import run_python

pytestmark = pytest.mark.slow

TRAIN_ON_JAX = """
import sys
from pathlib import Path
from recsys.data.dataset import Dataset
from tests.export.conftest import make_request, make_retriever

query = {"encoder": {"kind": "gru", "units": 6}, "user_id": True}
retriever = make_retriever(query, dtype="mixed_bfloat16")
request = make_request(
    Path(sys.argv[2]), retriever, Dataset(sys.argv[1]), seen="exclude", k=4
)
print(request.model_dump_json())
"""


@pytest.mark.nightly
def test_a_model_trained_on_jax_in_mixed_precision_is_exported(dataset, tmp_path):
    pytest.importorskip("jax")
    arguments = (str(dataset.path), str(tmp_path / "run"))
    trained = run_python("jax", "-c", TRAIN_ON_JAX, *arguments)
    assert trained.returncode == 0, trained.stderr[-3000:]
    request = ExportRequest.model_validate_json(trained.stdout)
    manifest = export_in_subprocess(request)
    assert manifest == read_manifest(request.destination)
    assert manifest["gate"]["parity"]["largest_relative_difference"] < 1e-4


def test_a_refused_export_leaves_what_was_published(exports):
    # They were asked to replace the export "lstm", after that one.
    assert "gate refused the export: embed_query differs" in exports["wrong"].reply["error"]
    assert "does not recommend as was evaluated: ndcg@10 is" in exports["ill"].reply["error"]
    assert re.search(
        r"so nothing was published: 2\d\d,\d{3} bytes on disk, where size_bytes is 1,000; "
        r"[\d.]+ ms for a query, the 99th percentile, where latency_p99_ms is 1e-06. Raise",
        exports["large"].reply["input_error"],
    )
    assert exports["lstm"].manifest == exports["lstm"].reply["manifest"]
    assert [path.name for path in exports["wrong"].request.model_folder.iterdir()] == ["1"]


def test_a_missing_model_is_an_input_error(exports):
    assert "no trained model at" in exports["absent"].reply["input_error"]
    assert not exports["absent"].folder.exists()


def fake_process(reply: dict | None, returncode: int = 0):
    def run(command, **_):
        if reply is not None:
            Path(command[-1]).write_text(json.dumps(reply))
        return subprocess.CompletedProcess(command, returncode, b"", b"one\ntwo")

    return run


def test_other_failures_are_ours(exports, monkeypatch):
    monkeypatch.setattr(export_module.subprocess, "run", fake_process({"error": "refused"}))
    with pytest.raises(ExportError, match="refused"):
        export_in_subprocess(exports["lstm"].request)


def test_a_killed_process_is_reported_with_its_last_lines(exports, monkeypatch):
    monkeypatch.setattr(export_module.subprocess, "run", fake_process(None, -9))
    with pytest.raises(ExportError, match=r"status -9 .*\none\ntwo"):
        export_in_subprocess(exports["lstm"].request)


def test_the_child_is_told_backend_and_absolute_paths(exports, monkeypatch, tmp_path):
    seen = {}

    def run(command, env, **_):
        seen.update(command=command, env=env, request=json.loads(Path(command[-2]).read_text()))
        Path(command[-1]).write_text('{"manifest": {}}')
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(export_module.subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    export_in_subprocess(exports["lstm"].request.model_copy(update={"model_folder": Path("m")}))
    assert seen["command"][1:4] == ["-m", "recsys.system.lean_keras", "recsys.export.process"]
    assert seen["env"]["KERAS_BACKEND"] == "tensorflow"
    assert seen["env"]["TF_USE_LEGACY_KERAS"] == "1"
    assert seen["request"]["model_folder"] == str(tmp_path / "m")


def test_versions_are_numbers():
    with pytest.raises(ValueError, match="version"):
        ExportConfig(version="v1")


def test_input_errors_come_back_as_such(exports, monkeypatch):
    reply = {"input_error": "no space left"}
    monkeypatch.setattr(export_module.subprocess, "run", fake_process(reply))
    with pytest.raises(InputError, match="no space left"):
        export_in_subprocess(exports["lstm"].request)
