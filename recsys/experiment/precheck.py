"""Settings are refused at once, before the libraries are imported that a run needs.

A setting is read by the class beside the code that it governs, and that code imports Keras,
TensorFlow, pandas and more, for seconds. None of them decides what a setting may be. So a
copy of the process, which ends with the check, imports our modules with stand-ins for the others.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any, NoReturn

from recsys.errors import InputError

# What settings are made of; all else that is not Python's own is stood in for.
REAL = frozenset(
    {
        "annotated_types", "click", "jinja2", "markdown_it", "markupsafe", "mdurl", "numpy",
        "pydantic", "pydantic_core", "pygments", "pytz", "recsys", "rich", "shellingham",
        "typer", "typing_extensions", "typing_inspection", "yaml",
    }
)  # fmt: skip


def refuse_early(
    modules: Sequence[str], check: Callable[[], object], real: Collection[str] = ()
) -> None:
    """Refuses what a check refuses, soon; does nothing where it finds nothing wrong.

    A check that turns out to need one of the other libraries proves nothing: it passes, and the
    command finds out what is wrong in its own time.

    Args:
        modules: what the check imports.
        check: reads the settings.
        real: further libraries that the check needs itself; they should be quick to import.

    Raises:
        InputError: as raised by the check.
    """
    if "keras" in sys.modules:  # no time to be saved, and threads that a copy would lack
        return
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    copy = os.fork()
    if copy == 0:
        os.close(reader)
        _check_and_exit(modules, check, REAL.union(real), writer)
    os.close(writer)
    with open(reader, encoding="utf-8") as said:
        message = said.read()
    os.waitpid(copy, 0)
    if message:
        raise InputError(message)


def _check_and_exit(
    modules: Sequence[str], check: Callable[[], object], real: Collection[str], writer: int
) -> NoReturn:
    """The copy's part: sends what the check refuses through the pipe."""
    message = ""
    # Whatever else goes wrong here is for the command to find out.
    with contextlib.suppress(BaseException), open(os.devnull, "w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        sys.meta_path.insert(0, _StandIns(real))
        try:
            for module in modules:  # which is when a missing extra is heard of
                importlib.import_module(module)
            _StandIn.sealed = True
            check()
        except InputError as error:
            message = str(error)
    with contextlib.suppress(BaseException), open(writer, "wb") as said:
        said.write(message.encode(errors="replace"))
    os._exit(0)


class Needed(BaseException):
    """A check needed what only the real library has; no handler of errors is meant."""


class _StandIn(type):
    """What a stand-in module holds: a class that is called, subclassed and written into types.

    Attributes:
        sealed: our modules are imported, and code that asks now would be misled.
    """

    sealed = False

    def _ask(cls) -> None:
        if _StandIn.sealed:
            raise Needed(cls.__name__)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        cls._ask()
        return _StandIn(name, (), {})

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        cls._ask()
        # A decorator gives back what it decorates; what makes a decorator, a decorator.
        if len(arguments) == 1 and not named and isinstance(arguments[0], type):
            return arguments[0]
        return _StandIn(cls.__name__, (), {})

    def __getitem__(cls, item: Any) -> Any:
        return cls

    def __or__(cls, other: Any) -> Any:
        return cls

    __ror__ = __or__

    def __iter__(cls) -> Any:
        raise Needed(cls.__name__)

    def __bool__(cls) -> bool:
        cls._ask()
        return True

    def __instancecheck__(cls, instance: Any) -> bool:
        cls._ask()
        return False


class _StandInModule(ModuleType):
    """A module that is not imported, which has whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_StandIn(self.__name__, (), {}), name)


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for every module that is neither Python's own nor among the real ones."""

    def __init__(self, real: Collection[str]) -> None:
        self._real = real

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root = name.partition(".")[0]
        # The names of Python's own settings differ from machine to machine, all private.
        if root in self._real or root in sys.stdlib_module_names or root.startswith("_"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass
