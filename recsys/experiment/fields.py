"""An experiment's fields by keyword, as a notebook gives them."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from recsys.errors import InputError
from recsys.experiment.file import plain
from recsys.experiment.schema import Experiment
from recsys.system.mistakes import annotation_of, models_in

# Read by `recsys sweep` alone, so no keyword means a field of it.
NOT_BY_KEYWORD = ("sweep", "task", "name")


def with_fields(experiment: Experiment, fields: Mapping[str, Any]) -> Experiment:
    """The experiment, but for some fields.

    A field is named by its key, if only one section has such a key (``epochs``), or by as much
    of its dotted key as is unique (``optimizer.decay``, ``training.epochs``). Where several
    sections could have it, that one is meant which is given beside it: ``encoder="lstm",
    units=32``, though a reader of texts may have units, too.

    Args:
        experiment: with its ``data``, which no field may change.
        fields: values by key. A text for a section of several kinds names its kind (``encoder``); a
            mapping or a config object (``AttentionConfig(blocks=1)``) is the section.

    Raises:
        InputError: a key that no section has, or more than one; or a value that does not suit.
    """
    known = _keys()
    found = {name: _candidates(name, known) for name in fields}
    given = {keys[0] for keys in found.values() if len(keys) == 1}
    values: dict[str, Any] = {}
    for name, keys in found.items():
        if len(keys) > 1:
            beside = [key for key in keys if key.rpartition(".")[0] in given]
            if len(beside) != 1:
                raise InputError(
                    f"{name!r} may be {' or '.join(beside or keys)}: say which, such as "
                    f"fields={{{(beside or keys)[0]!r}: …}}, or give its section too"
                )
            keys = beside
        if keys[0] in values:
            raise InputError(f"{keys[0]} is given twice, also as {name!r}: give it once")
        values[keys[0]] = _value(fields[name], keys[0], known)
    return experiment.with_values(values)


def _keys() -> dict[str, list[type[BaseModel]]]:
    """Every dotted key that an experiment may have, and the sections that it may be."""
    found: dict[str, list[type[BaseModel]]] = {}

    def walk(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel] | None]]:
        for name, field in section.model_fields.items():
            key = f"{prefix}{field.alias or name}"
            if key in NOT_BY_KEYWORD:
                continue
            yield key, None
            for kind in models_in(annotation_of(field)):
                yield key, kind
                yield from walk(kind, f"{key}.")

    for key, kind in walk(Experiment, ""):
        found.setdefault(key, [])
        if kind is not None and kind not in found[key]:
            found[key].append(kind)
    return found


def _candidates(name: str, known: Mapping[str, Any]) -> list[str]:
    """The dotted keys that a keyword may mean; one in full is taken as it is.

    Raises:
        InputError: there is none.
    """
    if name in known or ("." in name and name.partition(".")[0] in known):
        if name.partition(".")[0] == "data":
            raise InputError(_of_the_data(name))
        return [name]
    found = [key for key in known if key.endswith(f".{name}")]
    others = [key for key in found if not key.startswith("data.")]
    if others:
        return others
    if found:
        raise InputError(_of_the_data(name))
    leaves = {key.rpartition(".")[2]: key for key in known if not key.startswith("data.")}
    near = difflib.get_close_matches(name.rpartition(".")[2], leaves, n=3)
    mend = (
        f"did you mean {' or '.join(f'{each} ({leaves[each]})' for each in near)}?"
        if near
        else "the fields are those of an experiment file: `recsys init` writes one with all"
    )
    raise InputError(f"no section of an experiment has {name!r}; {mend}")


def _of_the_data(name: str) -> str:
    return (
        f"{name!r} is a setting of how the log is read and prepared, which is done: give it "
        "to recsys.Dataset.from_frame"
    )


def _value(value: Any, key: str, known: Mapping[str, list[type[BaseModel]]]) -> Any:
    """A value as the file would have it; the name of a kind is a section of that kind."""
    has_kinds = any("kind" in section.model_fields for section in known.get(key, ()))
    return {"kind": value} if isinstance(value, str) and has_kinds else plain(value)
