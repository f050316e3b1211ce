"""JSON Schemas of the files that people write, for completion and checks in their editors."""

from typing import Any

from pydantic import BaseModel


def json_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file.

    Args:
        model: what the file is read as.
        title: what the file is called.

    Returns:
        The schema as plain JSON values. ``name`` is not required, as the file's own name stands
        in for it.
    """
    schema = model.model_json_schema()
    _without_titles(schema)
    schema["required"] = [key for key in schema.get("required", []) if key != "name"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def _without_titles(schema: Any) -> None:
    """Takes out the titles that pydantic makes of names: editors show the names anyway."""
    if isinstance(schema, list):
        for each in schema:
            _without_titles(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for each in schema.values():
            _without_titles(each)
