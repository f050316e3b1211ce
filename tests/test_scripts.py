"""The start of a container, with a stand-in for recsys, and what its image is made of."""

import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
SCRIPTS = REPOSITORY / "scripts"
SHELL = ("docker_start.sh", "try_slurm.sh", "wheel_example.sh")
DOCKERFILE = (REPOSITORY / "Dockerfile.gpu").read_text(encoding="utf-8")
# Writes down each call.
RECSYS = """#!/usr/bin/env bash
echo "$KERAS_BACKEND $*" >>calls.txt
"""
# What tests, builds or installs, which no image is to have.
OUT_OF_PLACE = {
    *("pytest", "hypothesis", "moto", "playwright", "pip", "uv"),
    *("cmake", "ninja", "cython", "pybind11", "scikit-build-core"),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bin").mkdir()
    recsys = tmp_path / "bin" / "recsys"
    recsys.write_text(RECSYS)
    recsys.chmod(0o755)
    return tmp_path


def environment(folder, **variables):
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return kept | {"PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"} | variables


def launch(folder, script, *arguments, **variables):
    return subprocess.run(
        ["bash", SCRIPTS / script, *arguments],
        **{"cwd": folder, "env": environment(folder, **variables), "timeout": 120},
        capture_output=True,
        text=True,
    )


def calls(folder):
    return sorted((folder / "calls.txt").read_text().splitlines())


def test_a_container_runs_what_it_is_told(folder):
    done = launch(folder, "docker_start.sh", "run", "x.yaml", KERAS_BACKEND="jax")
    assert done.returncode == 0
    assert (folder / "calls.txt").read_text().splitlines() == [
        "jax doctor --require-gpu",
        "jax run x.yaml",
    ]


def test_a_container_does_not_start_without_a_gpu(folder):
    program = "from recsys.cli import main; main()"
    (folder / "bin" / "recsys").write_text(
        f'#!/bin/sh\ntouch "$1.called"\n'
        f"PYTHONPATH={SCRIPTS.parent} exec {sys.executable} -c '{program}' \"$@\"\n"
    )
    variables = {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    done = launch(folder, "docker_start.sh", "run", "x.yaml", **variables)
    assert done.returncode == 1, done.stderr
    assert "no GPU is visible" in done.stdout
    assert [file.name for file in folder.glob("*.called")] == ["doctor.called"]


def stages() -> dict[str, str]:
    """The stages of the Dockerfile by name."""
    found = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {name: f"{base}\n{body}" for base, name, body in zip(*[iter(found)] * 3, strict=True)}


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_an_image_has_no_root_and_the_digest_of_the_lock(backend):
    image = stages()[backend]
    assert image.startswith("base\n") and "\nUSER 1000:1000\n" in image
    assert "\nLABEL recsys.requirements-lock.sha256=$LOCK_SHA256\n" in image
    assert "RUN" not in image  # what installs stays behind
    assert f"\nCOPY --from=install-{backend} /opt/recsys /opt/recsys\n" in image
    assert 'echo "$LOCK_SHA256  requirements.lock" | sha256sum --check' in stages()["install"]


def test_an_image_holds_no_package_that_tests_or_compiles():
    extras = set(re.findall(r"--extra (\S+)", DOCKERFILE))
    assert {"jax-cuda", "cuda", "sweep"} <= extras
    # CUDA's own packages are not installed here; none of them has Python code of its own.
    brought = brought_by("recsys", frozenset(extras))
    assert {"keras", "tensorflow", "mlflow", "optuna", "implicit"} <= brought
    assert not brought & OUT_OF_PLACE


def brought_by(name: str, extras: frozenset[str]) -> set[str]:
    """All that a package stands on, as far as it is installed here."""
    found: set[str] = set()
    open_ = [(name, extras)]
    seen = set()
    while open_:
        each, wanted = open_.pop()
        if (each, wanted) in seen:
            continue
        seen.add((each, wanted))
        found.add(each)
        try:
            lines = distribution(each).requires or []
        except ModuleNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                open_.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return found


def test_shellcheck_is_content():
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run(
        [shellcheck, *(SCRIPTS / name for name in SHELL)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
