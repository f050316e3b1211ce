"""Reads experiment files: YAML, overrides, and what is wrong with them in plain words."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from recsys.errors import InputError

DEFAULT_TASK = "recommendation"
# Of runs and models, as a folder and MLflow can take it.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Schema = TypeVar("Schema", bound=BaseModel)


def read_document(
    path: Path, overrides: Sequence[str] | None = None, name: str | None = None
) -> dict[str, Any]:
    """The sections of an experiment file, not yet validated.

    Args:
        path: a YAML file; its stem is the name unless it has a ``name``.
        overrides: ``dotted.key=value``, the value in YAML.
        name: instead of the experiment's own.

    Raises:
        InputError: no such file, or no YAML.
    """
    if not path.is_file():
        raise InputError(f"there is no experiment file {path}")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} must hold sections such as `data:` and `model:`")
    document.setdefault("name", path.stem)
    document.setdefault("task", DEFAULT_TASK)
    for override in overrides or []:
        _override(document, override)
    document["task"] = str(document["task"])
    if name:
        document["name"] = name
    return document


def read_as(
    schema: type[Schema],
    path: Path,
    overrides: Sequence[str] | None = None,
    name: str | None = None,
) -> Schema:
    """A file that is no experiment, such as an audience or a campaign.

    Args:
        schema: what it is.
        path, overrides, name: see :func:`read_document`.

    Raises:
        InputError: there is none, it is an experiment, or something in it is wrong.
    """
    document = read_document(path, overrides, name)
    if (task := document.pop("task")) != DEFAULT_TASK:
        raise InputError(f"{path} is an experiment (task: {task}), which `recsys run` takes")
    return validated(schema, document, str(path))


def validated(schema: type[Schema], document: dict[str, Any], origin: str) -> Schema:
    """A document as an experiment.

    Args:
        schema: of its task.
        document: as read.
        origin: for messages.

    Raises:
        InputError: an unknown key (with the nearest right one) or a value of a wrong type.
    """
    try:
        # By way of JSON, where lists may become tuples and text paths, but "7" no number.
        return schema.model_validate_json(json.dumps(document, default=str), strict=True)
    except ValidationError as error:
        raise InputError(f"{origin}:\n{_explain(error, schema)}") from error


def _override(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"expected dotted.key=value, received {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{override!r}: the value is not YAML") from error
    set_value(document, key, value)


def set_value(document: dict[str, Any], key: str, value: Any, defaults: Any = None) -> None:
    """Sets a value by dotted key, in place.

    Args:
        document: nested sections.
        key: such as ``training.epochs``.
        value: of it.
        defaults: the document with every default, which says of what kind a new section is.

    Raises:
        InputError: the key leads through what is no section.
    """
    *sections, last = key.split(".")
    for section in sections:
        defaults = defaults.get(section) if isinstance(defaults, dict) else None
        if document.get(section) is None:
            # Its kind says which other keys it may have.
            has_kind = isinstance(defaults, dict) and "kind" in defaults
            document[section] = {"kind": defaults["kind"]} if has_kind else {}
        document = document[section]
        if not isinstance(document, dict):
            raise InputError(f"{key}: {section!r} is not a section")
    document[last] = value


def _explain(error: ValidationError, schema: type[BaseModel]) -> str:
    """One line per mistake: where, what, and the nearest right key."""
    lines = []
    for mistake in error.errors():
        location = mistake["loc"]
        sections = _sections(location, schema)
        fields = sorted(
            {field.alias or name for each in sections for name, field in each.model_fields.items()}
        )
        where = ".".join(str(part) for part in location)
        if mistake["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(location[-1]), fields, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}."
            lines.append(f"  {where}: unknown key; {mend}")
        elif mistake["type"] == "missing":
            lines.append(f"  {where}: is needed")
        else:
            received = mistake.get("input")
            said = "" if isinstance(received, (dict, BaseModel)) else f", received {received!r}"
            lines.append(f"  {where}: {mistake['msg'].removeprefix('Value error, ')}{said}")
    return "\n".join(lines)


def _sections(location: tuple[int | str, ...], schema: type[BaseModel]) -> list[type[BaseModel]]:
    """The config classes that the parent of a location may be."""
    sections: list[type[BaseModel]] = [schema]
    for part in location[:-1]:
        inner = [
            found
            for section in sections
            if part in section.model_fields
            for found in _models_in(section.model_fields[str(part)].annotation)
        ]
        if inner:
            sections = inner
        else:  # the tag of a discriminated union, or an index
            tagged = [s for s in sections if part in _tags(s)]
            sections = tagged or sections
    return sections


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    return [found for argument in arguments for found in _models_in(argument)]


def _tags(section: type[BaseModel]) -> tuple[Any, ...]:
    kind = section.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()
