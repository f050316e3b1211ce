"""The kit that a serving team copies finds what breaks the contract, and nothing else."""

import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recsys.export.manifest import FILE, verified_manifest
from tests.damage import flip

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_savedmodel.py"


@pytest.fixture(scope="module")
def kit():
    spec = importlib.util.spec_from_file_location("check_savedmodel", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._nothing_foreign = lambda: None  # this process holds all that there is
    return module


@pytest.fixture
def check(kit, capsys, monkeypatch):
    """The verdict on a model, and the exit status; ``changed`` tampers with its answers."""

    def run(folder, *options, changed=None):
        call = kit.Artefact.call
        if changed is not None:
            monkeypatch.setattr(
                kit.Artefact,
                "call",
                lambda self, name, given: changed(name, given, call(self, name, given)),
            )
        capsys.readouterr()
        sizes = "--batch-sizes=0,1,7"
        options = kit.parsed([str(folder), "--json", sizes, *options, "--python"])
        status = kit.run_checks(options)
        return json.loads(capsys.readouterr().out), status

    return run


def failed(verdict: dict) -> dict[str, str]:
    return {each["name"]: each["reason"] for each in verdict["checks"] if not each["passed"]}


@pytest.mark.parametrize(
    "name", ["lstm", "two_tower", "one_item", "timed", "eventful", "context", "reranked"]
)
def test_an_export_passes(exports, check, name):
    verdict, status = check(exports[name].folder, "--requests", "5")
    assert (failed(verdict), verdict["verdict"], status) == ({}, "passed", 0)
    assert verdict["latency"]["p50_ms"] <= verdict["latency"]["p99_ms"]


@pytest.mark.nightly
def test_it_needs_nothing_but_itself_and_tensorflow(exports, tmp_path):
    copied = shutil.copy(SCRIPT, tmp_path / "kit.py")
    command = [sys.executable, "-I", copied, exports["lstm"].folder, "--python", sys.executable]
    done = subprocess.run(
        [*command, "--requests", "20", "--p99-ms", "0.000001"], capture_output=True, text=True
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "ok     TensorFlow alone loads it" in lines
    assert "ok     serving_default: batch of 256" in lines
    assert "ok     warm-up requests can be read and answered" in lines
    [wrong] = [line for line in lines if line.startswith("FAILED")]
    assert wrong.startswith("FAILED latency of a query, p99: ") and "1e-06 are allowed" in wrong


def recommends(name):
    return name in ("serving_default", "recommend_excluding")


def rolled(name, given, answer):
    """Rows other than the first are answered as their neighbours are."""
    if recommends(name) and len(answer["score"]) > 1:
        return {key: np.roll(value, 1, axis=0) for key, value in answer.items()}
    return answer


def unmasked(name, given, answer):
    """What is excluded comes back."""
    if name == "recommend_excluding" and given["exclude"].any():
        answer["item_id"][0, 0] = next(each for each in given["exclude"][0] if each).encode()
    return answer


def seen_again(name, given, answer):
    if name == "serving_default" and given["history"].any():
        answer["item_id"][-1, 0] = given["history"][-1][given["history"][-1] != ""][0].encode()
    return answer


def unsorted(name, given, answer):
    if recommends(name):
        return {key: value[:, ::-1] for key, value in answer.items()}
    return answer


def padded_with_items(name, given, answer):
    if recommends(name):
        answer["item_id"][answer["item_id"] == b""] = b"apple"
    return answer


def narrow(name, given, answer):
    return {key: value[:, :2] for key, value in answer.items()} if recommends(name) else answer


CALLS = itertools.count(1)


def drifting(name, given, answer):
    if recommends(name):
        answer["score"] = answer["score"] + np.float32(1e-6 * next(CALLS))
    return answer


def unknown_vectors(name, given, answer):
    if name == "embed_items":
        answer["embedding"] = answer["embedding"] + 1
    return answer


def counting_padding(name, given, answer):
    if recommends(name):
        answer["score"] = answer["score"] + np.float32(given["history"].shape[1])
    return answer


def infinite(name, given, answer):
    return {"embedding": answer["embedding"] * np.inf} if name == "embed_query" else answer


ENDS = 'serving_default: rows of k, best first, ending in "" and −∞'


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (rolled, "serving_default: batch of 7"),
        (unmasked, "recommend_excluding leaves out what it is told to"),
        (seen_again, "seen items are left out, however old"),
        (unsorted, ENDS),
        (padded_with_items, ENDS),
        (narrow, ENDS),
        (drifting, "serving_default: asked again, the same to the bit"),
        (unknown_vectors, "embed_items: zeros for unknown items alone"),
        (counting_padding, "serving_default: padding and unknown ids change nothing"),
        (infinite, "embed_query: a finite vector a row, at every batch size"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_breaks_the_contract_is_found(exports, check, changed, found):
    verdict, status = check(exports["lstm"].folder, "--requests", "0", changed=changed)
    assert status == 1 and verdict["verdict"] == "failed"
    assert found in failed(verdict)


@pytest.fixture
def copy(exports, tmp_path):
    return shutil.copytree(exports["lstm"].folder, tmp_path / "1")


def test_files_that_are_not_the_exported_ones_are_named(copy, check):
    flip(copy / "assets.extra" / "titles.json")
    (copy / "fingerprint.pb").unlink()
    (copy / "saved_model.cpb.txt").touch()
    verdict, status = check(copy, "--requests", "0")
    assert status == 1 and failed(verdict) == {
        "every file is as it was exported": "assets.extra/titles.json is damaged; fingerprint.pb "
        "is missing; saved_model.cpb.txt was added"
    }


def test_a_manifest_that_was_edited_is_found(copy, check):
    manifest = copy / FILE
    manifest.write_text(manifest.read_text().replace('"dim": 8', '"dim": 9', 1))
    verdict, _ = check(copy, "--requests", "0")
    assert failed(verdict)["the manifest is as it was written"].endswith("is damaged")
    manifest.write_text(manifest.read_text().replace('"format": 4', '"format": 5', 1))
    verdict, status = check(copy)
    assert status == 1
    assert "format 5, and this file knows 4" in failed(verdict)["it can be loaded and asked"]


def test_it_knows_the_format_that_is_written(kit, exports):
    assert verified_manifest(exports["lstm"].folder)["format"] == kit.FORMAT


def test_a_warm_up_that_is_of_another_model_is_found(exports, copy, check):
    name = "assets.extra/tf_serving_warmup_requests"
    shutil.copy(exports["timed"].folder / name, copy / name)
    verdict, _ = check(copy, "--requests", "0")
    reason = failed(verdict)["warm-up requests can be read and answered"]
    assert reason == "request 0 gives serving_default the inputs ['history', 'history_time']"


@pytest.mark.parametrize(
    "wrong",
    [
        ["nowhere"],
        ["MODEL", "--environment", "e", "--python"],
        ["MODEL", "--requests", "0", "--p99-ms", "1"],
        ["MODEL", "--batch-sizes", "one"],
    ],
)
def test_wrong_use_has_a_status_of_its_own(exports, kit, wrong):
    arguments = [str(exports["lstm"].folder) if each == "MODEL" else each for each in wrong]
    with pytest.raises(SystemExit) as stopped:
        kit.parsed(arguments)
    assert stopped.value.code == 2
