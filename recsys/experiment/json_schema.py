"""JSON Schemas of the files that people write, for completion and checks in their editors."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel


def json_schema(
    model: type[BaseModel], title: str, optional: Collection[str] = ()
) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file.

    Args:
        model: what the file is read as.
        title: what the file is called.
        optional: keys that a file may lack although the model has them; ``name`` is always one,
            as the file's own name stands in for it.

    Returns:
        The schema as plain JSON values.
    """
    schema = model.model_json_schema()
    _without_titles(schema)
    del schema["description"]  # of the class, for readers of the code
    required = schema.get("required", [])
    schema["required"] = [key for key in required if key not in ("name", *optional)]
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
