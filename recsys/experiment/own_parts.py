"""The classes of a user's own that a run was made with, for whoever opens it in another process.

An experiment names the kind of an encoder, a loss or a baseline. The class of a kind that a
notebook or a package brought is known only where it is given or installed; ``own_parts.json`` in
the run's folder says which class it was. Nothing is imported by it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recsys.errors import InputError
from recsys.system.keywords import annotation_of, open_kinds

FILE = "own_parts.json"
# By dotted key the module and the name of a class, and its group of entry points.
Parts = dict[str, dict[str, str]]
OURS = __name__.partition(".")[0]


def own_parts(config: BaseModel, prefix: str = "") -> Parts:
    """The parts of an experiment whose classes are not the framework's.

    Args:
        config: an experiment, or a section of it.
        prefix: the dotted key of the section.

    Returns:
        By dotted key the ``module`` and the name of the ``class``, and the ``group`` of the entry
        points by which packages make such classes known.
    """
    found: Parts = {}
    for name, field in type(config).model_fields.items():
        kinds = open_kinds(annotation_of(field))
        for key, value in _sections(f"{prefix}{field.alias or name}", getattr(config, name)):
            kind = type(value)
            if kinds is not None and kind.__module__.partition(".")[0] != OURS:
                found[key] = {
                    "module": kind.__module__, "class": kind.__qualname__, "group": kinds.group
                }  # fmt: skip
            found |= own_parts(value, f"{key}.")
    return found


def _sections(key: str, value: Any) -> Iterator[tuple[str, BaseModel]]:
    if isinstance(value, BaseModel):
        yield key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _sections(f"{key}.{name}", each)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _sections(f"{key}.{number}", each)


@contextlib.contextmanager
def naming_own_parts(folder: Path, recorded: Parts | None = None) -> Iterator[None]:
    """Within it, an experiment is read; a kind that is not known is explained by what is recorded.

    Args:
        folder: that the experiment lies in: of a run, or of an exported model.
        recorded: what :func:`own_parts` gave for an exported model; of a run, it is on file.

    Raises:
        UnknownPart: a class that the run was made with is not known here.
    """
    try:
        yield
    except InputError as error:
        for key, part in (_on_file(folder) if recorded is None else recorded).items():
            if f"  {key}.kind: " in str(error):
                raise UnknownPart(_explained(folder, key, part, recorded is None)) from error
        raise


class UnknownPart(InputError):
    """A class of a user's own that a run was made with is not known to this process."""


def _on_file(folder: Path) -> Parts:
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there are none, or there is nothing to be learned of them
        return {}


def _explained(folder: Path, key: str, part: Mapping[str, str], of_run: bool) -> str:
    module, name = part["module"], part["class"]
    where = "a notebook or script" if module == "__main__" else f"the module {module}"
    define = "define it" if module == "__main__" else f"import it from {module}"
    mend = f"recsys.load({str(folder)!r}, parts=[{name}]) opens it"
    if of_run:
        file = str(folder / "experiment.yaml")
        mend += f", and recsys.run({file!r}, {{{key!r}: {name}(…)}}) continues it"
    what = "run" if of_run else "model"
    return (
        f"the {what} in {folder} was made with the class {name} of {where} ({key}), which this "
        f"process does not know. In Python, {define}: {mend}; or install it in a package with an "
        f"entry point of {part['group']}, for the command line, too"
    )
