"""Values that a program gives, as a file of settings would have them."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from pydantic import BaseModel

from recsys.errors import InputError
from recsys.system.keywords import key_text
from recsys.system.kinds import remember

SHOWN = 20  # characters around what is wrong with a text


def plain(value: Any, where: str) -> Any:
    """A value as a file would have it.

    Args:
        value: a number, text, path, day or time, a config object, or mappings and sequences of
            them.
        where: it was given, for messages.

    Raises:
        InputError: it is something else, such as a class.
    """
    match value:
        case BaseModel():
            remember(type(value))  # an encoder of the user's own, say
            kind = getattr(value, "kind", None)
            named = {} if kind is None else {"kind": kind}
            return {**plain(value.model_dump(exclude_unset=True), where), **named}
        case Mapping():
            return {key_text(key): plain(each, where) for key, each in value.items()}
        case np.generic() | np.ndarray():
            return value.tolist()
        case list() | tuple() | set() | frozenset() | range():
            return [plain(each, where) for each in value]
        case PurePath():
            return str(value)
        case None | bool() | int() | float() | str():
            return value
    if hasattr(value, "isoformat"):  # a day or a time, such as of pandas
        return value.isoformat()
    is_class = isinstance(value, type)
    shown = f"the class {value.__name__}" if is_class else repr(value)
    hint = f", such as {value.__name__}()" if is_class and issubclass(value, BaseModel) else ""
    raise InputError(
        f"{where}: {shown[:200]} is not a value of a field: give a number, text, a mapping of a "
        f"section, or an object of its config class{hint}"
    )


def as_json(document: Mapping[str, Any], origin: str) -> str:
    """A document as JSON, which pydantic reads more strictly than it takes objects of Python.

    Args:
        document: nested sections.
        origin: for messages.

    Raises:
        InputError: it holds itself, or text that cannot be written.
    """
    try:
        # Lists may become tuples there, and text paths, but "7" not a number.
        text = json.dumps(document, default=partial(_as_text, origin), ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError as error:
        odd = error.object[max(error.start - SHOWN, 0) : error.end + SHOWN]
        raise InputError(
            f"{origin}: text with half of a character in it (a lone surrogate), which cannot be "
            f"written: {odd!a}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{origin}: a section holds itself, or is nested too deeply") from error
    return text


def _as_text(origin: str, value: Any) -> Any:
    """What JSON has no word for."""
    return plain(value, origin) if isinstance(value, BaseModel) else str(value)
