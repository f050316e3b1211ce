"""Pages of the reference that are made from the code when the site is built.

A page asks for them by a comment: ``<!-- settings: SCHEMA -->`` is replaced by every key of a
file, from the JSON Schema of its pydantic model, ``<!-- events: SCHEMA -->`` by every event that
``--json`` writes, and ``<!-- commands -->`` by the command line.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

REPOSITORY = Path(__file__).parents[2]


def settings(schema: dict[str, Any], prefix: str) -> str:
    """Every key of a file as Markdown: a table for each section, in the order of the file.

    Args:
        schema: the JSON Schema of the file.
        prefix: of the anchors, unique among the pages.
    """
    return _Settings(schema, prefix).markdown()


def events(schema: dict[str, Any]) -> str:
    """Every event as Markdown, a table for each.

    Args:
        schema: the JSON Schema of a line.
    """
    made = _Settings({"properties": {}, "$defs": schema["$defs"]}, "event")
    parts = []
    for name, model in schema["discriminator"]["mapping"].items():
        model = schema["$defs"][model.rpartition("/")[2]]
        keys = {key: value for key, value in model["properties"].items() if key != "event"}
        parts += [f"## `{name}`", model["description"], made.table({**model, "properties": keys})]
    return "\n\n".join(parts)


class _Settings:
    def __init__(self, schema: dict[str, Any], prefix: str) -> None:
        self.schema, self.prefix = schema, prefix
        self.models = schema.get("$defs", {})
        self.places = _places(schema)

    def markdown(self) -> str:
        parts = [self.table(self.schema)]
        for name, place in self.places.items():
            model = self.models[name]
            kinds = _kinds(model)
            title = f"`{place}`" + (f": `kind: {', '.join(kinds)}`" if kinds else "")
            parts += [f"({self._anchor(name)})=", f"## {title}", model.get("description", "")]
            parts.append(self.table(model))
        return "\n\n".join(parts)

    def _anchor(self, name: str) -> str:
        return f"{self.prefix}-{name.lower()}"

    def table(self, model: dict[str, Any]) -> str:
        required = model.get("required", [])
        unless_public = [key for each in model.get("anyOf", []) for key in each["required"][1:]]
        rows = ["{.settings}", "| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        for key, value in model["properties"].items():
            if "const" in value and key in ("kind", "task"):
                continue
            default = "required" if key in required else _default(value)
            default = "required unless `public`" if key in unless_public else default
            text = value.get("description") or self._said(value)
            cells = [f"`{key}`", self._type(value), default, text]
            rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        return "\n".join(rows) if len(rows) > 3 else ""

    def _said(self, value: dict[str, Any]) -> str:
        """What a section is for, where the key itself has no description."""
        reference = value.get("$ref", "").rpartition("/")[2]
        return self.models.get(reference, {}).get("description", "").partition("\n\n")[0]

    def _type(self, value: dict[str, Any]) -> str:
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            model = self.models[name]
            if "properties" not in model:
                return self._type(model)
            return f"[{', '.join(_kinds(model)) or 'section'}](#{self._anchor(name)})"
        for union in ("anyOf", "oneOf"):
            if union in value:
                kinds = [self._type(each) for each in value[union] if each != {"type": "null"}]
                return " or ".join(dict.fromkeys(kinds))
        if "const" in value:
            return f"`{_plain(value['const'])}`"
        if "enum" in value:
            return ", ".join(f"`{_plain(each)}`" for each in value["enum"])
        if value.get("type") == "array":
            return f"list of {self._type(value.get('items', {}))}"
        if value.get("type") == "object":
            inner = value.get("additionalProperties")
            return "names to " + self._type(inner) if isinstance(inner, dict) else "section"
        return _scalar(value)


def _kinds(model: dict[str, Any]) -> list[str]:
    """What the ``kind`` of a section may be."""
    kind = model["properties"].get("kind", {})
    return [kind["const"]] if "const" in kind else kind.get("enum", [])


def _places(schema: dict[str, Any]) -> dict[str, str]:
    """By section, where it stands in the file; the first place, top to bottom."""
    found: dict[str, str] = {}

    def visit(value: Any, place: str) -> None:
        if isinstance(value, list):
            for each in value:
                visit(each, place)
        elif isinstance(value, dict):
            name = value.get("$ref", "").rpartition("/")[2]
            if name and name not in found:
                model = schema["$defs"][name]
                if "properties" in model:
                    found[name] = place
                    properties(model, place)
                else:
                    visit(model, place)
            visit([value[key] for key in ("anyOf", "oneOf", "items") if key in value], place)
            if isinstance(value.get("additionalProperties"), dict):
                visit(value["additionalProperties"], f"{place}.NAME")

    def properties(model: dict[str, Any], place: str) -> None:
        for key, value in model["properties"].items():
            visit(value, f"{place}.{key}".removeprefix("."))

    properties(schema, "")
    return found


TYPES = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}
FORMATS = {"date": "date", "date-time": "time with zone", "path": "path"}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _scalar(value: dict[str, Any]) -> str:
    kind = FORMATS.get(value.get("format", "")) or TYPES.get(value.get("type", ""), "anything")
    bounds = [f"{sign} {value[bound]:g}" for bound, sign in BOUNDS.items() if bound in value]
    return " ".join([kind, *([f"({', '.join(bounds)})"] if bounds else [])])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _default(value: dict[str, Any]) -> str:
    """As YAML would write it; of a section its kind, as its keys have their own defaults."""
    default = value.get("default")
    if isinstance(default, dict) and default:
        return f"`{default['kind']}`" if "kind" in default else ""
    if default is None:
        return ""
    return f"`{_plain(default)}`" if default != "" else '`""`'


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


def commands() -> str:
    """Every command with its arguments and options, as Markdown."""
    import typer
    from typer.cli import get_docs_for_click

    from recsys.cli import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="recsys")
    return text.partition("\n")[2]


def _schema(path: str) -> dict[str, Any]:
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    from write_generated import schema

    return schema(path)


def _expand(app: Sphinx, page: str, source: list[str]) -> None:
    prefix = page.rpartition("/")[2]

    def made(match: re.Match[str]) -> str:
        if match["path"] is None:
            return commands()
        schema = _schema(match["path"])
        return settings(schema, prefix) if match["kind"] == "settings" else events(schema)

    comment = r"<!-- (?:(?P<kind>settings|events): (?P<path>\S+)|commands) -->"
    source[0] = re.sub(comment, made, source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _expand)
    return {"parallel_read_safe": True}
