"""The lock pins what pyproject.toml asks for, wherever TensorFlow runs, and from no one index."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LINES = (REPOSITORY / "requirements.lock").read_text().splitlines()
PLATFORMS = [
    {"sys_platform": system, "platform_machine": machine, "python_full_version": f"{version}.1"}
    | {"python_version": version, "extra": ""}
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
    for version in ("3.11", "3.12", "3.13")
]


def wanted() -> Iterator[Requirement]:
    """What the project and its extras name, but for extras that name others."""
    for listed in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for line in listed:
            if (requirement := Requirement(line)).name != PROJECT["name"]:
                yield requirement


def applies(requirement: Requirement, platform: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(platform)


def test_every_line_is_an_exact_version_without_an_address():
    assert LINES
    for line in LINES:
        (specifier,) = Requirement(line).specifier
        assert specifier.operator == "==" and "://" not in line, line


@pytest.mark.parametrize(
    "platform", PLATFORMS, ids=lambda it: "-".join(map(str, list(it.values())[:3]))
)
def test_everything_wanted_is_pinned_once_within_its_bounds(platform):
    pins: dict[str, str] = {}
    for pin in map(Requirement, LINES):
        if applies(pin, platform):
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} has two versions"
            pins[name] = next(iter(pin.specifier)).version
    for requirement in wanted():
        if applies(requirement, platform):
            version = pins.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement} is not pinned: make lock"
            assert version in requirement.specifier, f"{requirement} has {version}: make lock"


def test_the_bill_of_materials_names_every_line():
    bill = json.loads((REPOSITORY / "sbom.cdx.json").read_text())
    named = [(part["name"], part["version"], part["purl"]) for part in bill["components"]]
    pinned = [
        (name := canonicalize_name(pin.name), version := next(iter(pin.specifier)).version,
         f"pkg:pypi/{name}@{version}")
        for pin in map(Requirement, LINES)
    ]  # fmt: skip
    assert sorted(named) == sorted(pinned)
    assert "timestamp" not in bill["metadata"]
    (asked,) = (each["dependsOn"] for each in bill["dependencies"] if each["ref"] == "recsys")
    assert {line.split("@")[0] for line in asked} >= {"keras", "tensorflow", "mlflow", "pytest"}
    assert not any(line.startswith("yarl@") for line in asked)  # comes with aiohttp
