"""What is allowed of the items' attributes, as callers have it and as the command line has it."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recsys.api.ids import category_of, number_of
from recsys.errors import InputError
from recsys.export.filters import Filters, Where


def where_of(given: Any, filters: Filters) -> Where | None:
    """What a caller allows, as the model takes it.

    Args:
        given: a mapping of attributes to a value or a list of values, or to the least and the
            largest number, of which None is open; None: every item is allowed.
        filters: what the model can be filtered by.

    Raises:
        InputError: it is something else, or names an attribute that the model does not have.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InputError(
            "where: expected a mapping of attributes to what is allowed, such as "
            f"{{'category': ['tea'], 'price': (5, 20)}}; received {given!r:.80}"
        )
    found: dict[str, Any] = {}
    for name, allowed in given.items():
        origin = f"where, {name}"
        if filters.kind(str(name)) == "range":
            found[str(name)] = _range(allowed, origin)
        else:
            found[str(name)] = _values(allowed, origin)
    return found


def _range(given: Any, origin: str) -> tuple[float, float]:
    if isinstance(given, str) or not isinstance(given, Iterable) or len(ends := list(given)) != 2:
        raise InputError(
            f"{origin}: expected the least and the largest number, such as (5, 20), of which None "
            f"is open; received {given!r:.80}"
        )
    least, largest = (number_of(end, origin) for end in ends)
    return least, largest


def _values(given: Any, origin: str) -> list[str]:
    is_one = isinstance(given, str) or not isinstance(given, Iterable)
    values = [category_of(value, origin) for value in ([given] if is_one else given)]
    if "" in values:
        raise InputError(f"{origin}: a value is empty; an item that lacks it cannot be asked for")
    return values


def where_of_options(options: Sequence[str], filters: Filters) -> dict[str, Any]:
    """What the command line allows: ``category=tea,coffee``, ``price=5..20``, ``price=5..``.

    Args:
        options: one or several of each attribute; a value with a comma stands in quotes.
        filters: what the model can be filtered by.

    Raises:
        InputError: one cannot be read, or names an attribute that the model does not have.
    """
    found: dict[str, Any] = {}
    for option in options:
        name, sign, allowed = option.partition("=")
        name = name.strip()
        if not sign:
            raise InputError(
                f"--where {option!r}: expected ATTRIBUTE=VALUE,VALUE,… or ATTRIBUTE=LEAST..LARGEST"
            )
        if filters.kind(name) == "range":
            if name in found:
                raise InputError(f"--where: {name} is given twice; give one range")
            found[name] = _range_of_text(allowed, option)
        else:
            found.setdefault(name, []).extend(_values_of_text(allowed, option))
    return found


def _values_of_text(text: str, option: str) -> list[str]:
    try:
        (values,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise InputError(
            f"--where {option!r}: expected values with commas between them, those that hold a "
            'comma in quotes: category="a, b",c'
        ) from None
    return values


def _range_of_text(text: str, option: str) -> tuple[float | None, float | None]:
    least, sign, largest = text.partition("..")
    try:
        ends = [float(end) if end.strip() else None for end in (least, largest if sign else least)]
    except ValueError:
        ends = [math.nan]
    if any(end is not None and math.isnan(end) for end in ends):
        raise InputError(
            f"--where {option!r}: expected a range of numbers: LEAST..LARGEST, LEAST.., ..LARGEST, "
            "or one number"
        ) from None
    return ends[0], ends[1]
