"""What installed packages add to `recsys`, found by their entry points.

A package names what it adds in its metadata, as this one does in ``pyproject.toml``
(https://packaging.python.org/en/latest/specifications/entry-points/). The names are known without
importing anything.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from recsys.errors import InputError


@cache
def plugins(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of a group by name, in alphabetical order.

    Args:
        group: such as ``recsys.commands``.

    Returns:
        Of each name the entry points that have it: more than one where packages disagree.
    """
    found: dict[str, list[EntryPoint]] = {}
    for each in sorted(entry_points(group=group), key=lambda each: each.name):
        # One package can be found twice, as where a folder is on the path twice.
        if each not in (same := found.setdefault(each.name, [])):
            same.append(each)
    return {name: tuple(same) for name, same in found.items()}


def load_plugin(group: str, name: str) -> Any:
    """Imports what a package adds under a name.

    Args:
        group: such as ``recsys.commands``.
        name: one of :func:`plugins`.

    Raises:
        InputError: no package adds it, two packages do, or it cannot be imported.
    """
    candidates = plugins(group).get(name, ())
    if len(candidates) != 1:
        packages = " and ".join(sorted(map(_package, candidates))) or "no installed package"
        verb = "both add" if candidates else "adds"
        mend = "uninstall one of them" if candidates else "install the package that has it"
        raise InputError(f"{packages} {verb} {name!r} to {group}: {mend}")
    (plugin,) = candidates
    try:
        return plugin.load()
    except InputError:  # such as a missing extra: its message names the command
        raise
    except Exception as error:
        raise InputError(
            f"{name!r} of the package {_package(plugin)} cannot be imported ({plugin.value}): "
            f"{type(error).__name__}: {error}. Install another version of the package, or "
            "uninstall it"
        ) from error


def _package(plugin: EntryPoint) -> str:
    return "an unnamed package" if plugin.dist is None else plugin.dist.name
