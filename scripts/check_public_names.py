#!/usr/bin/env python3
"""Checks that every public name has a docstring, an example and types.

    python scripts/check_public_names.py

Public is what ``recsys.__all__`` offers, with the methods and properties of its classes. One line
per name that lacks something; exit status 1 if there is one. The tests run the
examples (``tests/api/test_examples.py``).
"""

import doctest
import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import recsys


def public() -> Iterator[tuple[str, Any]]:
    """Dotted names of functions, classes, methods and properties, with the object of each."""
    for name in recsys.__all__:
        found = getattr(recsys, name)
        yield name, found
        if inspect.isclass(found):
            for base in found.__mro__:
                if not base.__module__.startswith("recsys"):
                    continue
                for member, value in vars(base).items():
                    if not member.startswith("_"):
                        yield f"{name}.{member}", value


def lacks(found: Any) -> list[str]:
    """What a name should have and has not: a docstring, an example, types."""
    function = _function(found)
    documentation = inspect.getdoc(found if inspect.isclass(found) else function) or ""
    missing = [] if documentation else ["a docstring"]
    if not doctest.DocTestParser().get_examples(documentation):
        missing.append("an example")
    if inspect.isclass(found):
        function = found.__init__ if "__init__" in vars(found) else None
    if function is not None and (untyped := _untyped(function, inspect.isclass(found))):
        missing.append(f"the type of {', '.join(untyped)}")
    return missing


def _function(found: Any) -> Any:
    if isinstance(found, property):
        return found.fget
    if isinstance(found, cached_property):
        return found.func
    return found.__func__ if isinstance(found, classmethod | staticmethod) else found


def _untyped(function: Any, is_constructor: bool) -> list[str]:
    if not inspect.isfunction(function):
        return []
    signature = inspect.signature(function)
    untyped = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is parameter.empty and name not in ("self", "cls")
    ]
    if signature.return_annotation is signature.empty and not is_constructor:
        untyped.append("what it returns")
    return untyped


def main() -> int:
    count, found = 0, []
    for name, value in public():
        count += 1
        if missing := lacks(value):
            found.append(f"recsys.{name} lacks {', '.join(missing)}")
    print("\n".join(found) or f"{count} public names, each with a docstring, an example and types")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
