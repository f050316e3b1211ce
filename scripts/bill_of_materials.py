"""The software bill of materials: what requirements.lock pins, as CycloneDX 1.6 reads it.

`python scripts/write_generated.py` writes it beside the lock, for tools that know of
vulnerabilities and licences.
"""

import uuid
from collections.abc import Collection
from pathlib import Path

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def bill_of_materials(lock: Path, name: str, version: str, wanted: Collection[str]) -> str:
    """JSON of one component a line of the lock, the same for the same lock.

    Args:
        lock: exact versions, with the markers of the platforms that they are for.
        name: of the project.
        version: of the project.
        wanted: the packages that the project itself asks for; the others come with them.

    Raises:
        ValueError: a line has no exact version.
    """
    text = lock.read_text(encoding="utf-8")
    bom = Bom(components=[_component(line) for line in text.splitlines() if line])
    # Of the content alone: neither of the moment nor of the machine.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{name}=={version}\n{text}")
    bom.metadata.timestamp = None  # type: ignore[assignment]
    bom.metadata.component = root = Component(
        name=name, version=version, type=ComponentType.FRAMEWORK, bom_ref=name
    )
    asked = {canonicalize_name(package) for package in wanted}
    bom.register_dependency(root, [each for each in bom.components if each.name in asked])
    outputter = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    return outputter.output_as_string(indent=1) + "\n"


def _component(line: str) -> Component:
    requirement = Requirement(line)
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator != "==":
        raise ValueError(f"requirements.lock: {line!r} is not an exact version")
    name, version = canonicalize_name(requirement.name), specifiers[0].version
    marker = str(requirement.marker or "")
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("pypi", None, name, version),
        properties=[Property(name="python:marker", value=marker)] if marker else [],
    )
