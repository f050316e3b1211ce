"""Reads experiment files: YAML, overrides, and what is wrong with them in plain words."""

import copy
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from recsys.errors import InputError
from recsys.system.keywords import refuse_said_twice
from recsys.system.mistakes import explain, without_tags
from recsys.system.plain_values import as_json, plain
from recsys.system.wording import option
from recsys.system.yaml_text import read_override, read_yaml

logger = logging.getLogger(__name__)

DEFAULT_TASK = "recommendation"
Overrides = Mapping[str, Any] | Sequence[str] | None
Schema = TypeVar("Schema", bound=BaseModel)


class Document(dict[str, Any]):
    """The sections of a file.

    Attributes:
        inherited: by dotted key, the sections that an override made of another kind, with the
            keys that the file gave for the kind before.
    """

    def __init__(self, sections: dict[str, Any]) -> None:
        super().__init__(sections)
        self.inherited: dict[str, set[str]] = {}


def read_document(
    path: Path,
    overrides: Overrides = None,
    name: str | None = None,
    what: str = "experiment file",
) -> Document:
    """The sections of an experiment file, not yet validated.

    Args:
        path: a YAML file; its stem is the name unless it has a ``name``.
        overrides: ``dotted.key=value``, the value in YAML; or values by dotted key.
        name: instead of the experiment's own.
        what: the file is, for messages.

    Raises:
        InputError: there is no such file, or it is not YAML.
    """
    if not path.is_file():
        raise InputError(f"there is no {what} {path}")
    try:
        sections = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(sections, dict):
        raise InputError(f"{path} must hold sections such as `data:` and `model:`")
    document = Document(sections)
    document.setdefault("name", path.stem)
    document.setdefault("task", DEFAULT_TASK)
    values = _values(overrides)
    if name is not None and "name" in dict(values):
        raise InputError(
            f"the run is named {name!r} by {option('name')}, and {dict(values)['name']!r} by an "
            "override: give one of them"
        )
    document.inherited = _inherited(document, dict(values))
    for key, value in values:
        set_value(document, key, value)
    document["task"] = str(document["task"])
    if name is not None:
        document["name"] = name
    return document


def read_as(
    schema: type[Schema],
    path: Path,
    overrides: Overrides = None,
    *,
    what: str,
) -> Schema:
    """A file that is not an experiment, such as one that a command of a package reads.

    Args:
        schema: what it is.
        path, overrides: see :func:`read_document`.
        what: the file is, for messages, such as ``campaign file``.

    Raises:
        InputError: there is none, it is an experiment, or something in it is wrong.
    """
    document = read_document(path, overrides, what=what)
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
    text = as_json(document, origin)
    try:
        return schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        if isinstance(document, Document) and _drop_what_does_not_fit(document, error, schema):
            return validated(schema, document, origin)
        of_file = isinstance(document, Document)
        raise InputError(f"{origin}:\n{explain(error, schema, document, of_file)}") from None


def settings(overrides: Overrides, given: Mapping[str, Any]) -> Document:
    """The settings given to a command, as a document of its own.

    Args:
        overrides: ``dotted.key=value``, the value in YAML.
        given: further keys; those that are None were not given.

    Raises:
        InputError: an override is not `dotted.key=value`.
    """
    document = Document({key: value for key, value in given.items() if value is not None})
    values = _values(overrides)
    refuse_said_twice([*document.items(), *values], "settings")
    for key, value in values:
        set_value(document, key, value)
    return document


def overridden(given: Mapping[str, Any], overrides: Overrides) -> Document:
    """What a mapping says in place of a file, with overrides, as a document of its own.

    Args:
        given: nested sections; it stays as it is.
        overrides: as :func:`read_document` takes them.

    Raises:
        InputError: an override is not `dotted.key=value`, or is given twice.

    >>> given = {"name": "quiet", "runs": {"buys": "runs/buys"}}
    >>> overridden(given, {"runs.buys": "runs/other"})["runs"], given["runs"]
    ({'buys': 'runs/other'}, {'buys': 'runs/buys'})
    """
    document = Document(copy.deepcopy(dict(given)))
    for key, value in _values(overrides):
        set_value(document, key, value)
    return document


def _values(overrides: Overrides) -> list[tuple[str, Any]]:
    """Overrides as values by dotted key, none of which is given twice."""
    if isinstance(overrides, str):
        raise InputError(
            f"expected a mapping or a list of overrides, received the text {overrides!r}: "
            f"write [{overrides!r}]"
        )
    if isinstance(overrides, Mapping):
        if strange := [key for key in overrides if not isinstance(key, str)]:
            raise InputError(f"expected keys such as 'training.epochs', received {strange[0]!r}")
        values = [(key, plain(value, key)) for key, value in overrides.items()]
    else:
        values = [_override(override) for override in overrides or []]
    refuse_said_twice(values, "overrides")
    return values


def _override(override: str) -> tuple[str, Any]:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise InputError(f"expected dotted.key=value, received {override!r}")
    return key, read_override(key, text)


def _inherited(document: dict[str, Any], values: dict[str, Any]) -> dict[str, set[str]]:
    """The sections that overrides make of another kind (see :class:`Document`)."""
    found: dict[str, set[str]] = {}
    for key, kind in values.items():
        *path, last = key.split(".")
        section: Any = document
        for each in path:
            section = section.get(each) if isinstance(section, dict) else None
        if path and last == "kind" and isinstance(section, dict) and section.get(last) != kind:
            prefix = key.removesuffix(last)
            given = {name[len(prefix) :] for name in values if name.startswith(prefix)}
            found[".".join(path)] = set(section) - {name.partition(".")[0] for name in given}
    return found


def _drop_what_does_not_fit(
    document: Document, error: ValidationError, schema: type[BaseModel]
) -> bool:
    """Leaves out, with a warning, what a file gave for the kind that an override replaced."""
    wrong = [without_tags(mistake["loc"], schema) for mistake in error.errors()]
    dropped = False
    for path, inherited in document.inherited.items():
        begin = path.split(".")
        size = len(begin)
        unfit = {keys[size] for keys in wrong if keys[:size] == begin and len(keys) > size}
        if unfit := unfit & inherited:
            section: Any = document
            for each in begin:
                section = section[each]
            for key in unfit:
                del section[key]
            inherited -= unfit
            logger.warning(
                "%s: of kind %r by an override, so the file's values are left out of %s",
                path, section["kind"], ", ".join(sorted(unfit)),
            )  # fmt: skip
            dropped = True
    return dropped


def value_at(document: Mapping[str, Any], key: str) -> Any:
    """A value by dotted key.

    Args:
        document: nested sections.
        key: such as ``training.epochs``.

    Raises:
        KeyError: there is none.
    """
    value: Any = document
    for section in key.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(key)
        value = value[section]
    return value


def set_value(document: dict[str, Any], key: str, value: Any, defaults: Any = None) -> None:
    """Sets a value by dotted key, in place.

    Args:
        document: nested sections.
        key: such as ``training.epochs``.
        value: of it.
        defaults: the document with every default, which hold the kind of a new section.

    Raises:
        InputError: the key leads through a value that is not a section.
    """
    *sections, last = key.split(".")
    for section in sections:
        defaults = defaults.get(section) if isinstance(defaults, dict) else None
        if document.get(section) is None:
            # Its kind decides which other keys it may have.
            has_kind = isinstance(defaults, dict) and "kind" in defaults
            document[section] = {"kind": defaults["kind"]} if has_kind else {}
        document = document[section]
        if not isinstance(document, dict):
            raise InputError(f"{key}: {section!r} is not a section")
    document[last] = value
