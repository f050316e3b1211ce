"""YAML as everything of ours reads and writes it: nothing turns into something else unseen.

PyYAML follows YAML 1.1, where ``012`` is ten, ``12:30:00`` is 45000, ``no`` is false, ``1e-3`` is
text, and of a key that is given twice the first value is forgotten. Here

- numbers are decimal: ``12``, ``-0.5``, ``1e-3``, ``.inf``; ``012``, ``1_000``, ``0x1F`` and
  ``12:30:00`` are text, as they may be ids;
- ``true`` and ``false`` are what they mean; ``yes``, ``no``, ``on`` and ``off`` are text;
- a date is text, as it is written, and so is every key;
- refused, with the line, is a key that is given twice, and what YAML takes for a mark of its own
  where text was meant: an anchor that nothing refers to, a tag, an empty block.
"""

import json
import re
import shlex
from typing import Any, NoReturn

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from recsys.errors import InputError

LONGEST = 100  # characters that a message repeats of a line
STANDARD = "tag:yaml.org,2002:"
INTEGER = r"[-+]?(?:0|[1-9][0-9]*)"
EXPONENT = r"[eE][-+]?[0-9]+"
FLOAT = (
    rf"{INTEGER}\.[0-9]*(?:{EXPONENT})?|{INTEGER}{EXPONENT}|[-+]?\.[0-9]+(?:{EXPONENT})?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
# What plain text is read as, by the characters that it may begin with.
RESOLVED = {
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (INTEGER, list("-+0123456789")),
    "float": (FLOAT, list("-+.0123456789")),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", ["<"]),
}
QUOTES = "Text that begins with one of % * & ! @ ` | > # or contains `: ` or ` #` needs quotes"


def read_yaml(text: str, origin: str) -> Any:
    """A document as plain values.

    Args:
        text: of one document.
        origin: for messages.

    Raises:
        InputError: it is not YAML, or holds what would be lost or taken for something else.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 — a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message, line = f"{origin} cannot be read as YAML: ", ""
        if (mark := getattr(error, "problem_mark", None)) is not None:
            line = [*text.splitlines(), ""][mark.line].strip()
            message += f"line {mark.line + 1}, `{line[:LONGEST]}`: "
        raise InputError(message + _said(error) + _mended(error, line)) from error


def read_override(key: str, text: str) -> Any:
    """The value of ``key=value`` on a command line: text, a number, ``[a, b]`` or ``{a: b}``.

    Raises:
        InputError: it is not YAML, or only part of it would be read; it names the right quotes.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        problem = _misread(text, node)
        value = None if node is None or problem else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = _said(error)
    if problem:
        # Within quotes for YAML, and those within quotes for the shell.
        quoted = shlex.quote(f"{key}={json.dumps(text, ensure_ascii=False)}")
        raise InputError(f"{key}={text[:LONGEST]}: {problem}. If it is meant as text: {quoted}")
    return value


def dump_yaml(document: Any, blocks: bool = False) -> str:
    """A document as text that this module and YAML 1.1 read back as it is; keys in their order.

    Args:
        document: of plain values.
        blocks: write text of several lines as such, for people.
    """
    dumper = _BlockDumper if blocks else _Dumper
    return yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True)


def inline_yaml(value: Any) -> str:
    """A value as it stands behind its key, in one line."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10_000
    )
    return text.removesuffix("\n").removesuffix("...").strip()


def _misread(text: str, node: Node | None) -> str:
    """What of an override's text would not be read as its author meant it."""
    if isinstance(node, CollectionNode) and not node.flow_style:
        return "a list needs brackets, [a, b], a section needs braces, {a: b}"
    end = node.end_mark.index if node is not None else 0
    return f"YAML takes {text[end:].strip()!r} for a comment" if text[end:].strip() else ""


def _said(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return getattr(error, "problem", None) or str(error)


def _mended(error: Exception, line: str) -> str:
    """How to write a line that is not YAML, or what to look for in it."""
    if isinstance(error, _RepeatedKey) or not line:
        return ""
    if r"'\t'" in _said(error):
        return ". Indent with spaces"
    found = re.match(r"((?:- +)?(?:[^\s:][^:]*:)? +|- +)([^\s'\"\[{].*)", line)
    if found and re.match(r"[%*&!@`|>]|.*:(?: |$)", found[2]):
        value = found[2].replace("'", "''")
        return f". Text like this needs quotes: {found[1]}'{value}'"
    return f". {QUOTES}"


class _RepeatedKey(yaml.MarkedYAMLError):
    """A key that is given twice: of the first value nothing would be left."""


def _refuse(
    problem: str, where: Any, kind: type[yaml.MarkedYAMLError] = yaml.MarkedYAMLError
) -> NoReturn:
    raise kind(problem=problem, problem_mark=where.start_mark)


class _Loader(yaml.SafeLoader):
    """See the module."""

    yaml_implicit_resolvers = {}  # noqa: RUF012, as in the base class

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._unused: dict[Any, yaml.Event] = {}

    def compose_document(self) -> Any:
        node = super().compose_document()
        for anchor, event in self._unused.items():
            _refuse(f"nothing refers to the anchor &{anchor}", event)
        return node

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            self._unused.pop(event.anchor, None)
            return super().compose_node(parent, index)
        if event.anchor is not None:
            self._unused[event.anchor] = event
        if event.tag is not None and not event.tag.startswith(STANDARD):
            _refuse(f"{event.tag} is read as a tag", event)
        if isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">") and not event.value:
            _refuse(f"{event.style} is read as an empty block", event)
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                _refuse("a key is a word or text", key)
            if key.tag == f"{STANDARD}merge":
                continue
            if key.value in lines:
                _refuse(
                    f"{key.value!r} is given twice, first in line {lines[key.value]}",
                    key,
                    _RepeatedKey,
                )
            lines[key.value] = key.start_mark.line + 1
            key.tag = f"{STANDARD}str"
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what :class:`_Loader` would take for something else than text, beside YAML 1.1."""


class _BlockDumper(_Dumper):
    """Writes text of several lines behind ``|``, where YAML can."""

    def represent_str(self, data: str) -> ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar(f"{STANDARD}str", data, style=style)


_BlockDumper.add_representer(str, _BlockDumper.represent_str)
for _name, (_pattern, _begins) in RESOLVED.items():
    _Loader.add_implicit_resolver(STANDARD + _name, re.compile(rf"(?:{_pattern})\Z"), _begins)
_Dumper.add_implicit_resolver(
    f"{STANDARD}float", re.compile(rf"(?:{FLOAT})\Z"), RESOLVED["float"][1]
)
