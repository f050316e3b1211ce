"""Packages that are installed for a test."""

from importlib.metadata import EntryPoint

import pytest

from recsys.system import plugins


def install(patch: pytest.MonkeyPatch, group: str, **objects: str) -> None:
    """Adds entry points to those of installed packages, by their names.

    Args:
        patch: undoes it.
        group: such as ``recsys.commands``.
        objects: by name the module and the object, such as ``tests.plugins:hello``.
    """
    there = plugins.entry_points

    def found(*, group: str) -> list[EntryPoint]:
        return [*there(group=group), *(each for each in added if each.group == group)]

    added = [EntryPoint(name, value, group) for name, value in objects.items()]
    patch.setattr(plugins, "entry_points", found)
    plugins.plugins.cache_clear()


def hello(name: str) -> None:
    """Greet somebody."""
    print(f"hello {name}")
