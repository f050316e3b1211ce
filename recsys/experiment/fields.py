"""An experiment's fields by keyword, as a notebook gives them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from recsys.errors import InputError
from recsys.experiment.schema import Experiment
from recsys.system.keywords import keys_of, leaf, meant, nearest, refuse_said_twice
from recsys.system.plain_values import plain

# Read by `recsys sweep` alone, so no keyword means a field of it.
NOT_BY_KEYWORD = ("sweep", "task", "name")
# A training that goes on from a run has epochs and a rate of its own: `epochs` means training's.
BY_SECTION = "training.continue_from."


def with_fields(experiment: Experiment, fields: Mapping[str, Any], origin: str) -> Experiment:
    """The experiment, but for some fields.

    A field is named by its key, if only one section has such a key (``epochs``), or by as much
    of its dotted key as is unique (``optimizer.decay``, ``training.epochs``). Where several
    sections could have it, that one is meant which is given beside it: ``encoder="lstm",
    units=32``, though a reader of texts may have units, too.

    Args:
        experiment: with its ``data``, which no field may change.
        fields: values by key. A text for a section of several kinds names its kind (``encoder``); a
            mapping or a config object (``AttentionConfig(blocks=1)``) is the section.
        origin: who was given them, for messages.

    Raises:
        InputError: a key that no section has, or more than one; or a value that does not suit.
    """
    known = {
        key: sections
        for key, sections in keys_of(Experiment).items()
        if key.partition(".")[0] not in NOT_BY_KEYWORD and not key.startswith(BY_SECTION)
    }
    found = {name: _candidates(name, known, origin) for name in fields}
    given = {keys[0] for keys in found.values() if len(keys) == 1}
    values: list[tuple[str, Any]] = []
    for name, keys in found.items():
        if len(keys) > 1:
            # The kind of a section that is given beside it is said already.
            told = given if name != "kind" else ()
            beside = [key for key in keys if key.rpartition(".")[0] in told]
            if len(beside) != 1:
                raise InputError(
                    f"{origin}: {name!r} may be {' or '.join(beside or keys)}: say which, such as "
                    f"fields={{{(beside or keys)[0]!r}: …}}, or give its section too"
                )
            keys = beside
        values.append((keys[0], _value(fields[name], keys[0], known, origin)))
    refuse_said_twice(values, origin)
    return experiment.with_values(dict(values), origin)


def _candidates(name: str, known: Mapping[str, Any], origin: str) -> list[str]:
    """The dotted keys that a keyword may mean; one in full is taken as it is.

    Raises:
        InputError: there is none.
    """
    section, dot, _ = name.partition(".")
    # What lies in a section that there is may be a mistake that validation explains.
    found = [name] if dot and section in known else meant(name, known)
    others = [key for key in found if key.partition(".")[0] != "data"]
    if others:
        return others
    if found:
        raise InputError(
            f"{origin}: {name!r} is a setting of how the log is read and prepared, which is done: "
            "give it to recsys.Dataset.from_frame"
        )
    leaves = {leaf(key): key for key in known if key.partition(".")[0] != "data"}
    near = nearest(name, leaves)
    mend = (
        f"did you mean {' or '.join(f'{each} ({leaves[each]})' for each in near)}?"
        if near
        else "the fields are those of an experiment file: `recsys init` writes one with all"
    )
    raise InputError(f"{origin}: no section of an experiment has {name!r}; {mend}")


def _value(value: Any, key: str, known: Mapping[str, list[type[BaseModel]]], origin: str) -> Any:
    """A value as the file would have it; the name of a kind is a section of that kind."""
    has_kinds = any("kind" in section.model_fields for section in known.get(key, ()))
    if isinstance(value, str) and has_kinds:
        return {"kind": value}
    return plain(value, f"{origin}: {key}")
