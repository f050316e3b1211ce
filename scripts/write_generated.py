"""Writes what is generated from the code and kept in the repository.

    python scripts/write_generated.py

The JSON Schemas of the files that people write and of the events that `--json` writes, which the
package ships, the picture of the
architecture, and the bill of materials beside the lock. `tests/test_docs.py` fails where one of
them is not what this writes.
"""

import ast
import html
import importlib
import json
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

from bill_of_materials import bill_of_materials
from packaging.requirements import Requirement

from recsys.experiment.json_schema import json_schema
from recsys.system.files import atomic_path

REPOSITORY = Path(__file__).parents[1]
# By the schema's file: the model that reads such a file, what the file is called, and what it may
# lack beside its name.
SCHEMAS: dict[str, tuple[Any, ...]] = {
    "recsys/experiment/schemas/experiment.schema.json": (
        "recsys.tuning.sweep_file.SweepFile",
        "recsys experiment",
        ("sweep",),
    ),
    "recsys/launching/schemas/launch.schema.json": (
        "recsys.launching.settings.LaunchSettings",
        "recsys launch settings",
    ),
    "recsys/runs/schemas/event.schema.json": (
        "recsys.runs.events.EventLine",
        "event of recsys, a line of --json",
    ),
    "recsys/marketing/schemas/propensity.schema.json": (
        "recsys.marketing.propensity.experiment.PropensityExperiment",
        "recsys experiment of task propensity",
    ),
    "recsys/marketing/schemas/sentiment.schema.json": (
        "recsys.marketing.sentiment.experiment.SentimentExperiment",
        "recsys experiment of task sentiment",
    ),
    "recsys/marketing/schemas/audience.schema.json": (
        "recsys.marketing.audiences.audience.AudienceConfig",
        "recsys audience",
    ),
    "recsys/marketing/schemas/campaign.schema.json": (
        "recsys.marketing.campaigns.campaign_file.CampaignFile",
        "recsys campaign",
    ),
    "recsys/marketing/schemas/replay.schema.json": (
        "recsys.marketing.realtime.config.ReplayConfig",
        "recsys replay",
    ),
}
ARCHITECTURE = "docs/images/architecture.svg"
BILL_OF_MATERIALS = "sbom.cdx.json"


def generated() -> dict[str, str]:
    """By path in the repository, what each generated file holds."""
    schemas = {
        path: json.dumps(schema(path), indent=1, ensure_ascii=False) + "\n" for path in SCHEMAS
    }
    return schemas | {ARCHITECTURE: architecture(), BILL_OF_MATERIALS: materials()}


def schema(path: str) -> dict[str, Any]:
    """The JSON Schema that a path of :data:`SCHEMAS` holds."""
    model, title, *optional = SCHEMAS[path]
    module, _, name = model.rpartition(".")
    return json_schema(getattr(importlib.import_module(module), name), title, *optional)


def materials() -> str:
    """The bill of materials of what requirements.lock pins."""
    project = _settings()["project"]
    extras = project["optional-dependencies"].values()
    lines = [line for listed in (project["dependencies"], *extras) for line in listed]
    wanted = {Requirement(line).name for line in lines}
    lock = REPOSITORY / "requirements.lock"
    return bill_of_materials(lock, project["name"], project["version"], wanted)


def layers() -> list[list[str]]:
    """The rooms of each floor, top to bottom, as import-linter holds them."""
    floors = _settings()["tool"]["importlinter"]["contracts"][0]["layers"]
    return [re.findall(r"\w+", floor) for floor in floors]


def _settings() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def _purpose(room: str) -> str:
    """The first sentence of a room's docstring."""
    folder = REPOSITORY / "recsys" / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"\.(?:\s|$)", text)[0].replace("\n", " ").replace("`", "")


# Pixels of the picture.
WIDTH, GAP, LINE, PADDING = 960, 10, 17, 12


def architecture() -> str:
    """The floors as an SVG picture: a row of boxes each, every room with its purpose."""
    boxes, top = [], GAP
    for rooms in layers():
        width = (WIDTH - GAP * (len(rooms) + 1)) / len(rooms)
        texts = [textwrap.wrap(_purpose(room), int((width - 2 * PADDING) / 6.6)) for room in rooms]
        height = 2 * PADDING + LINE * (1 + max(map(len, texts)))
        for column, (room, lines) in enumerate(zip(rooms, texts, strict=True)):
            boxes.append(_box(room, lines, GAP + column * (width + GAP), top, width, height))
        top += height + GAP
    style = (
        "text{font:13px system-ui,sans-serif;fill:#333}"
        ".room{font:600 14px ui-monospace,monospace;fill:#111}"
        "rect{fill:#eef3fb;stroke:#9db4d8}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:g}" role="img">',
            "<title>The floors of recsys: imports run downwards only</title>",
            f"<style>{style}</style>",
            f'<rect width="{WIDTH}" height="{top:g}" style="fill:#fff;stroke:none"/>',
            *boxes,
            "</svg>",
            "",
        ]
    )


def _box(room: str, lines: list[str], x: float, y: float, width: float, height: float) -> str:
    texts = "".join(
        f'<text x="{x + PADDING:g}" y="{y + PADDING + LINE * (line + 1.7):g}">'
        f"{html.escape(text)}</text>"
        for line, text in enumerate(lines)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        f'<text class="room" x="{x + PADDING:g}" y="{y + PADDING + LINE * 0.7:g}">{room}</text>'
        f"{texts}"
    )


def main() -> None:
    """Writes every generated file that is not there as it should be."""
    for path, text in generated().items():
        file = REPOSITORY / path
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
