#!/usr/bin/env python3
"""Checks an exported SavedModel in a new environment that holds TensorFlow alone.

    python scripts/check_savedmodel.py runs/NAME/SEED/model/1

A virtual environment is made, TensorFlow is installed in it at the version that
requirements.lock pins (about 2 GB, a few minutes), and the model is loaded
there and asked through every signature that its manifest describes. One line
per check; exit status 0 if all hold, 1 otherwise. ``--environment DIR`` keeps
the environment for the next time.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
FOREIGN = ("recsys", "tensorflow_recommenders", "tf_keras")
UNKNOWN_ID = "an id that no catalogue holds"

Check = tuple[str, Callable[[], bool]]


def pinned_tensorflow() -> str:
    """The requirement of TensorFlow in requirements.lock, without its marker."""
    match = re.search(r"^tensorflow==[^\s;]+", LOCK.read_text(), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{LOCK} pins no tensorflow")
    return match.group()


def prepared_python(environment: Path) -> Path:
    """Python of an environment with TensorFlow, made if it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        requirement = pinned_tensorflow()
        print(f"installing {requirement} in {environment}", flush=True)
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
    return python


def checks_of(folder: Path) -> Iterator[Check]:
    """Every check, to be run with TensorFlow alone."""
    import tensorflow as tf

    manifest = json.loads((folder / "assets.extra/manifest.json").read_text())
    model = tf.saved_model.load(str(folder))
    signatures = model.signatures

    def call(name: str, **given: Any) -> dict[str, Any]:
        specs = manifest["signatures"][name]["inputs"]
        missing = {"int64": 0, "float32": float("nan"), "string": ""}
        for each in set(manifest["model"]["event_inputs"]) & specs.keys():
            value = missing[specs[each]["dtype"]]
            given[each] = [[value] * len(row) for row in given["history"]]
        inputs = {
            key: tf.constant(given.get(key, _missing(**spec)), spec["dtype"])
            for key, spec in specs.items()
        }
        outputs = signatures[name](**inputs)
        return {key: value.numpy() for key, value in outputs.items()}

    def described(name: str) -> dict[str, Any]:
        found = signatures[name]
        groups = (found.structured_input_signature[1], found.structured_outputs)
        return {
            group: {
                key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
                for key, spec in specs.items()
            }
            for group, specs in zip(("inputs", "outputs"), groups, strict=True)
        }

    yield "nothing but TensorFlow is here", lambda: not any(map(_is_installed, FOREIGN))
    yield "the checksums hold", lambda: _checksums_hold(folder, manifest["files"])
    yield (
        "the signatures are the manifest's",
        lambda: {name: described(name) for name in signatures} == manifest["signatures"],
    )

    strangers = call("serving_default", history=[[]])
    items = [item.decode() for item in strangers["item_id"][0] if item]
    history = items[:2]
    answer = call("serving_default", history=[history])
    excluding = call("recommend_excluding", history=[history], exclude=[items[2:5]])
    padded = call("serving_default", history=[["", *history, UNKNOWN_ID, ""]])
    vectors = call("embed_items", item_id=[*items, UNKNOWN_ID])["embedding"]
    query = call("embed_query", history=[history])["embedding"]

    def answers(output: dict[str, Any]) -> list[str]:
        return [item.decode() for item in output["item_id"][0] if item]

    def leaves_out(output: dict[str, Any], ids: list[str]) -> bool:
        return not set(answers(output)) & set(ids)

    excludes_seen = manifest["model"]["seen"] == "exclude"
    k = manifest["model"]["k"]
    yield "an empty history is answered", lambda: len(items) > 0
    yield f"rows are {k} wide", lambda: answer["item_id"].shape == (1, k)
    yield (
        "padding and unknown ids change nothing",
        lambda: answers(padded) == answers(answer),
    )
    yield (
        f"seen: {manifest['model']['seen']} is honoured",
        lambda: leaves_out(answer, history) or not excludes_seen,
    )
    yield "excluded ids are left out", lambda: leaves_out(excluding, items[2:5])
    yield "an unknown item has a vector of zeros", lambda: not vectors[-1].any()
    yield "items have vectors", lambda: bool(vectors[:-1].any())
    yield "a query has a finite vector", lambda: bool((query == query).all())
    yield (
        "scores are products of the vectors",
        # Those by which items are reranked are not.
        lambda: (
            manifest["rerank"] is not None
            or _scores_are_products(answer, query, dict(zip(items, vectors, strict=False)))
        ),
    )


def _missing(dtype: str, shape: list[int | None]) -> Any:
    """One row of an input with nothing known, as nested lists."""
    empty: Any = "" if dtype == "string" else 0.0
    return [empty] if len(shape) == 1 else [[empty] * (shape[1] or 1)]


def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _checksums_hold(folder: Path, files: dict[str, dict[str, Any]]) -> bool:
    return all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == file["sha256"]
        for name, file in files.items()
    )


def _scores_are_products(answer: dict[str, Any], query: Any, vectors: dict[str, Any]) -> bool:
    pairs = zip(answer["item_id"][0], answer["score"][0], strict=True)
    return all(
        abs(float(vectors[item.decode()] @ query[0]) - score) <= 1e-4 * max(1.0, abs(score))
        for item, score in pairs
        if item.decode() in vectors
    )


def run_checks(folder: Path) -> int:
    """Runs the checks in this process; returns the exit status."""
    all_hold = True
    try:
        for name, holds in checks_of(folder):
            passed = holds()
            all_hold &= passed
            print(f"{'ok    ' if passed else 'FAILED'} {name}", flush=True)
    except Exception as error:
        print(f"FAILED {type(error).__name__}: {error}")
        return 1
    return 0 if all_hold else 1


def main() -> int:
    """Makes the environment and runs this file again inside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of one version, e.g. .../model/1")
    parser.add_argument("--environment", type=Path, help="where to make or find the environment")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.model.resolve()
    if not (folder / "assets.extra/manifest.json").is_file():
        parser.error(f"{folder} is not an exported model")
    if arguments.inside:
        return run_checks(folder)
    with tempfile.TemporaryDirectory(prefix="recsys-check-") as temporary:
        environment = arguments.environment or Path(temporary) / "environment"
        python = prepared_python(environment.resolve())
        # -I: neither PYTHONPATH nor this file's folder may bring our code in.
        command = [python, "-I", Path(__file__).resolve(), folder, "--inside"]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.run(command, env=quiet, cwd=temporary).returncode


if __name__ == "__main__":
    sys.exit(main())
