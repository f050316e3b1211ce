"""Libraries that only some users need: the extras of ``pip install 'recsys[…]'``."""

import importlib
import sys
from importlib.machinery import PathFinder
from types import ModuleType

from recsys.errors import InputError


class MissingExtra(InputError):
    """A library of an extra is not installed; the message names the command that installs it.

    Args:
        what: the command, setting or input that needs it, as the user calls it.
        package: what is missing.
        extra: which of the extras of ``pyproject.toml`` brings it.
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which is not installed: pip install 'recsys[{extra}]'"
        )


def require(module: str, extra: str, what: str) -> ModuleType:
    """Imports a module of an extra.

    Args:
        module: the full name, such as ``optuna`` or ``implicit.cpu.als``.
        extra: which of the extras of ``pyproject.toml`` brings it.
        what: the command, setting or input that needs it, as the user calls it.

    Raises:
        MissingExtra: the module's package, or one that it stands on, is not installed.

    >>> require("json", extra="text", what="this example").loads("[1]")
    [1]
    >>> require("nowhere", extra="text", what="this example")
    Traceback (most recent call last):
    recsys.system.extras.MissingExtra: this example needs nowhere, which is not installed: \
pip install 'recsys[text]'
    """
    package = module.partition(".")[0]
    # Asked of the path, as the early check of settings has stand-ins for what it does not import.
    if package not in sys.modules and PathFinder.find_spec(package) is None:
        raise MissingExtra(what, package, extra)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")
        # A package that is there, but not all of it, no extra mends.
        if missing[0] == "recsys" or (missing[1] and PathFinder.find_spec(missing[0])):
            raise
        raise MissingExtra(what, missing[0], extra) from error
