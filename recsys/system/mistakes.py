"""What is wrong with settings, in plain words: where, what, and the nearest right thing."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from recsys.config import NAME
from recsys.system.display import counted
from recsys.system.keywords import annotation_of, keys_of, models_in, open_kinds
from recsys.system.kinds import kinds_of

LONGEST = 80  # characters that a message repeats of a value
MOST = 10  # mistakes of one document that are told
YES_OR_NO = ("yes", "no", "on", "off", "y", "n", "true", "false")
NUMBERS = ("int_type", "float_type")
# How alike a key of a section within must be to be thought of; one of any other, equal.
ALIKE_WITHIN = 0.79
NAMES = "begins with a letter or digit, and holds at most 100 letters, digits, `.`, `_` and `-`"


def explain(
    error: ValidationError,
    schema: type[BaseModel],
    document: Mapping[str, Any],
    of_file: bool = False,
) -> str:
    """One line per mistake; of very many, the first ones and how many there are.

    Args:
        error: of the document.
        schema: that it was read as.
        document: nested sections.
        of_file: whether YAML is to be mended, or Python.
    """
    mended = _mended_in_yaml if of_file else _mended_in_python
    mistakes = error.errors()
    told = [_explained(mistake, schema, document, mended) for mistake in mistakes[:MOST]]
    if more := len(mistakes) - len(told):
        told.append(f"… and {counted(more, 'more mistake')}")
    return "\n".join(f"  {each}" for each in told)


def without_tags(location: Sequence[int | str], schema: type[BaseModel]) -> list[str]:
    """The keys of a location as a file has them: pydantic names the kinds of sections, too."""
    return _walked(location, schema)[0]


def _explained(
    mistake: ErrorDetails,
    schema: type[BaseModel],
    document: Mapping[str, Any],
    mended: Callable[[str, Any], str],
) -> str:
    keys, sections = _walked(mistake["loc"], schema)
    where = ".".join(keys)
    context, received = mistake.get("ctx", {}), mistake.get("input")
    match mistake["type"]:
        case "extra_forbidden":
            return (
                f"{where}: unknown key; {_nearest_key(keys, sections, keys_of(schema, document))}"
            )
        case "missing":
            return f"{where}: is needed"
        case "union_tag_not_found":
            return f"{where}.kind: is needed, one of {_kinds(schema, keys)}"
        case "union_tag_invalid":
            where, received = f"{where}.kind", context["tag"]
            said = f"is not one of {context['expected_tags']}"
            mend = _nearest_value(context, received) or _how_to_add(keys, sections)
            return f"{where}: {_short(received)} {said}{mend}"
        case "string_pattern_mismatch" if context["pattern"] == NAME:
            mend = "; choose another `name`" if keys == ["name"] else ""
            return f"{where}: a name {NAMES}, received {_short(received)}{mend}"
    said = mistake["msg"].removeprefix("Value error, ")
    if not isinstance(received, dict | BaseModel):
        said += f", received {_short(received)}"
    said += f"{_nearest_value(context, received)}{mended(mistake['type'], received)}"
    return f"{where}: {said}" if where else said


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _nearest_value(context: dict[str, Any], received: Any) -> str:
    """Of a choice, the one that was probably meant."""
    expected = str(context.get("expected_tags") or context.get("expected") or "")
    choices = expected.replace(" or ", ", ").split(", ")
    values = [value for each in choices if (value := each.strip("'"))]
    near = difflib.get_close_matches(str(received), values, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _how_to_add(keys: Sequence[str], sections: Sequence[type[BaseModel]]) -> str:
    """How a kind becomes known, of a setting that others add kinds to."""
    for section in sections:
        for key in reversed(keys):
            if (kinds := open_kinds(_fields(section).get(key))) is not None:
                return f" ({kinds.hint})"
    return ""


def _mended_in_yaml(kind: str, received: Any) -> str:
    """How YAML writes what was probably meant."""
    if kind == "string_type" and isinstance(received, bool | int | float | None):
        return "; text that looks like something else needs quotes"
    if not isinstance(received, str):
        return ""
    if kind == "bool_type" and received.casefold() in YES_OR_NO:
        return "; write true or false"
    return f"; write {number}" if kind in NUMBERS and (number := _number(received)) else ""


def _mended_in_python(kind: str, received: Any) -> str:
    """How Python writes what was probably meant."""
    if kind == "string_type" and isinstance(received, int | float):
        return f"; give text: {str(received)!r}"
    if not isinstance(received, str):
        return ""
    if kind == "bool_type" and received.casefold() in YES_OR_NO:
        return "; give True or False"
    return f"; give {number}" if kind in NUMBERS and (number := _number(received)) else ""


def _number(text: str) -> str:
    """The whole number that a text is, as it is written; nothing, where it is none."""
    digits = text.replace("_", "")
    return (digits.lstrip("0") or "0") if digits.isdecimal() else ""


def _nearest_key(
    keys: Sequence[str], sections: Sequence[type[BaseModel]], known: Iterable[str]
) -> str:
    """The right key that is most like the last one, beside it or in another section."""
    *parents, wanted = keys
    beside = sorted({name for section in sections for name in _fields(section)})
    near = difflib.get_close_matches(wanted, beside, n=1)
    # A slip in a key beside it is likelier than the key of another section, but for an equal one.
    best, similarity = near, 0.99 if near else ALIKE_WITHIN
    if near and _similarity(wanted, near[0]) == 1.0:
        known = ()
    for path in (key.split(".") for key in known):
        is_within = path[: len(parents)] == parents
        found = _similarity(wanted, path[-1])
        if found < similarity or not (is_within or found == 1.0) or path[:-1] == parents:
            continue
        best = [*best, ".".join(path)] if found == similarity else [".".join(path)]
        similarity = found
    if not best:
        return f"known keys: {', '.join(beside)}."
    # The key itself, of the document and not of the section.
    told = [f"{each!r}{' at the top' if parents and each == wanted else ''}" for each in best]
    return f"did you mean {' or '.join(told)}?"


def _similarity(one: str, other: str) -> float:
    """From 0 to 1, singular and plural being the same."""
    return difflib.SequenceMatcher(None, other.rstrip("s"), one.rstrip("s")).ratio()


def _kinds(schema: type[BaseModel], keys: Sequence[str]) -> str:
    """The kinds that the section of some keys may be of."""
    _, sections = _walked((*keys, ""), schema)
    return ", ".join(repr(kind) for section in sections for kind in kinds_of(section))


def _walked(
    location: Sequence[int | str], schema: type[BaseModel]
) -> tuple[list[str], list[type[BaseModel]]]:
    """The keys of a location, and the config classes that the section of the last may be."""
    keys: list[str] = []
    sections, parents = [schema], [schema]
    for part in location:
        tagged = [section for section in sections if part in kinds_of(section)]
        if tagged and not any(part in _fields(section) for section in sections):
            sections = tagged
            continue
        keys.append(str(part))
        parents = sections
        sections = [
            found for section in sections for found in models_in(_fields(section).get(str(part)))
        ] or sections  # an index, or a key of a mapping
    return keys, parents


def _fields(section: type[BaseModel]) -> dict[str, Any]:
    return {
        field.alias or name: annotation_of(field) for name, field in section.model_fields.items()
    }
