"""What a message calls an option: as it is typed in a shell, or as Python takes it."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_in_shell = ContextVar("_in_shell", default=False)


@contextlib.contextmanager
def as_typed() -> Iterator[None]:
    """Within it, whoever reads a message types commands; anywhere else they write Python."""
    before = _in_shell.set(True)
    try:
        yield
    finally:
        _in_shell.reset(before)


def in_shell() -> bool:
    """Whether whoever reads a message types commands."""
    return _in_shell.get()


def option(name: str) -> str:
    """An option that takes a value.

    Args:
        name: of the keyword in Python.

    >>> option("runs_dir")
    'runs_dir=…'
    >>> with as_typed():
    ...     option("runs_dir")
    '--runs-dir'
    """
    return f"--{name.replace('_', '-')}" if _in_shell.get() else f"{name}=…"


def switch(name: str) -> str:
    """An option that is on or off.

    Args:
        name: of the keyword in Python.

    >>> switch("overwrite")
    'overwrite=True'
    >>> with as_typed():
    ...     switch("overwrite")
    '--overwrite'
    """
    return f"--{name.replace('_', '-')}" if _in_shell.get() else f"{name}=True"
