"""The keys that a schema of settings has, and which of them a keyword means."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recsys.errors import InputError
from recsys.system.kinds import Kinds, kinds_of


def keys_of(
    schema: type[BaseModel], document: Mapping[str, Any] | None = None
) -> dict[str, list[type[BaseModel]]]:
    """Every dotted key that a document of a schema may have, and the sections that it may be.

    Args:
        schema: of the document.
        document: as far as it is there: keys are those of its kinds of sections, and of the
            defaults where it has no section; None: those of all kinds.
    """
    found: dict[str, list[type[BaseModel]]] = {}
    for name, field in schema.model_fields.items():
        key = field.alias or name
        given = None if document is None else document.get(key)
        sections = models_in(annotation_of(field))
        if document is not None:
            sections = _there(sections, field, given)
        found.setdefault(key, []).extend(each for each in sections if each not in found[key])
        for section in sections:
            within = given if isinstance(given, Mapping) else None if document is None else {}
            for inner, kinds in keys_of(section, within).items():
                known = found.setdefault(f"{key}.{inner}", [])
                known.extend(kind for kind in kinds if kind not in known)
    return found


def _there(sections: list[type[BaseModel]], field: FieldInfo, given: Any) -> list[type[BaseModel]]:
    """The sections that a value may be, or that its default is."""
    if isinstance(given, Mapping):
        kind = given.get("kind")
        return [each for each in sections if kind is None or kind in kinds_of(each)]
    return [type(field.default)] if isinstance(field.default, BaseModel) else []


def meant(name: str, keys: Collection[str]) -> list[str]:
    """The dotted keys that a keyword may mean: itself, or those that end in it.

    >>> meant("k", ["evaluation.k", "export.k", "k_core"])
    ['evaluation.k', 'export.k']
    """
    return [name] if name in keys else [key for key in keys if key.endswith(f".{name}")]


def refuse_said_twice(values: Sequence[tuple[str, Any]], origin: str) -> None:
    """Refuses a setting that is given twice: by its key, or also within the value of a section.

    Args:
        values: by dotted key.
        origin: for messages.

    Raises:
        InputError: there is one; the message has both values.

    >>> refuse_said_twice([("loss", {"kind": "bpr"}), ("loss.kind", "gbce")], "train")
    Traceback (most recent call last):
    ...
    recsys.errors.InputError: train: loss.kind is given twice, as 'bpr' in loss and as 'gbce': ...
    """
    for place, (key, value) in enumerate(values):
        for other, within in [*values[:place], *values[place + 1 :]]:
            if other == key:
                raise InputError(said_twice(origin, key, value, within))
            if not key.startswith(f"{other}."):
                continue
            path = key.removeprefix(f"{other}.").split(".")
            while path and isinstance(within, Mapping) and path[0] in within:
                within = within[path.pop(0)]
            # A section that is to be none has no keys either.
            if not path or not isinstance(within, Mapping):
                raise InputError(said_twice(origin, key, within, value, f" in {other}"))


def said_twice(origin: str, key: str, first: Any, second: Any, place: str = "") -> str:
    """The message on a setting that is given twice.

    Args:
        origin: for messages.
        key: of the setting.
        first, second: its values.
        place: where the first one is, behind it.
    """
    both = f"as {first!r:.80}{place} and as {second!r:.80}"
    return f"{origin}: {key} is given twice, {both}: give it once"


def leaf(key: str) -> str:
    """The last part of a dotted key."""
    return key.rpartition(".")[2]


def nearest(name: str, names: Collection[str], most: int = 3) -> list[str]:
    """The names that a keyword was probably meant to be, the likeliest first; perhaps none.

    >>> nearest("training.epoch", ["epochs", "seeds"])
    ['epochs']
    """
    return difflib.get_close_matches(leaf(name), names, n=most)


def annotation_of(field: FieldInfo) -> Any:
    """What a field may be, with the kinds that are not written in its annotation."""
    kinds = [each for each in field.metadata if isinstance(each, Kinds)]
    return Annotated[field.annotation, kinds[0]] if kinds else field.annotation


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The config classes that a field of some type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        if kinds := open_kinds(annotation):
            return kinds.classes
        arguments = arguments[:1]
    return [found for argument in arguments for found in models_in(argument)]


def open_kinds(annotation: Any) -> Kinds | None:
    """The kinds of a setting to which packages and programs add their own."""
    for argument in get_args(annotation):
        if isinstance(argument, Kinds):
            return argument
        if (found := open_kinds(argument)) is not None:
            return found
    return None


def key_text(key: object) -> str:
    """The key of a mapping as a file would have it.

    >>> key_text(True), key_text(3)
    ('true', '3')
    """
    return str(key).lower() if isinstance(key, bool | np.bool_) else str(key)
