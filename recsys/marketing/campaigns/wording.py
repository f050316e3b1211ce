"""The lines that users read, from templates that a campaign file holds.

A template is data. It may say its words, choose between them and go through a list, and that is
all: what is not on the lists below is refused when the file is read, so that no template takes
more time or memory than its length and that of its words let it.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator

from recsys.errors import InputError
from recsys.marketing.campaigns.offers import Offer
from recsys.system.display import printable, spreadsheet_cell

WORDS = ("titles", "items", "because", "again")
LISTS = ("titles", "items")
LONGEST_TEMPLATE = 2_000
DEEPEST = 50
LONGEST_TITLE = 500
LONGEST_LINE = 10_000
# Nothing among these repeats a text: `*` and `%`, assignments, calls and filters such as
# `center` do, and each could do so again with what the last one made.
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.List, nodes.Tuple,
    nodes.Name, nodes.Getitem, nodes.Slice, nodes.If, nodes.CondExpr, nodes.For, nodes.And,
    nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat, nodes.Add, nodes.Sub,
    nodes.Neg, nodes.Filter, nodes.Test, nodes.Getattr,
)  # fmt: skip
FILTERS = frozenset(
    {"capitalize", "count", "default", "e", "escape", "first", "join", "last", "length", "lower",
     "title", "trim", "truncate", "upper"}
)  # fmt: skip
TESTS = frozenset({"defined", "undefined", "none", "in", "eq", "ne", "lt", "le", "gt", "ge"})
PLACES = frozenset({"first", "last", "index", "index0", "length"})
REASON = (
    "{% if again %}You have chosen it before{% elif because %}Because you chose {{ because }}"
    "{% else %}Chosen for you{% endif %}"
)
_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
_environment.globals.clear()


def _checked(text: str) -> str:
    if len(text) > LONGEST_TEMPLATE:
        raise ValueError(f"a template has at most {LONGEST_TEMPLATE:,} letters")
    try:
        tree = _environment.parse(text)
    except TemplateError as error:
        raise ValueError(f"is not a template: {error}") from error
    except RecursionError:
        raise ValueError("is not a template: it is nested too deeply") from None
    # Before Jinja computes what is constant, as it does where it looks for names.
    for node, depth in _nodes(tree):
        if depth > DEEPEST:
            raise ValueError("is not a template: it is nested too deeply")
        if reason := _objection(node):
            raise ValueError(f"a template may hold no {reason}")
    if unknown := meta.find_undeclared_variables(tree) - set(WORDS):
        raise ValueError(
            f"{min(unknown)!r} is not a word of a template; there are {', '.join(WORDS)}"
        )
    if spreadsheet_cell(text) != text:
        raise ValueError(
            f"a line that begins with {text.lstrip()[0]!r} is a formula to a spreadsheet: begin "
            "with a letter or, for a minus, with \N{MINUS SIGN} (U+2212)"
        )
    return text


def _nodes(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    """Every node, and how deep it lies."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(inner, depth + 1) for inner in node.iter_child_nodes()]


def _objection(node: nodes.Node) -> str | None:
    """What is not allowed about a node, without those within it."""
    what = type(node).__name__.lower()
    if not isinstance(node, ALLOWED):
        return f"{what}; compare words, or use the filters {', '.join(sorted(FILTERS))}"
    if isinstance(node, nodes.Getattr):
        loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
        return None if loop and node.attr in PLACES else f"attribute {node.attr!r}"
    if isinstance(node, nodes.Test):
        return None if node.name in TESTS else f"test {node.name!r}"
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            return f"filter {node.name!r}; there are {', '.join(sorted(FILTERS))}"
        # Of a text it would put the separator between all its letters.
        if node.name == "join" and not _is_list(node.node):
            return f"`join` but of {' or '.join(LISTS)}"
        if not all(isinstance(each, nodes.Const | nodes.Name) for each in node.args):
            return f"expression as an argument of the filter {node.name!r}"
    if isinstance(node, nodes.For):
        if not _is_list(node.iter) or node.recursive:
            return f"loop but over {' or '.join(LISTS)}"
        if sum(isinstance(inner, nodes.For) for inner, _ in _nodes(node)) > 1:
            return "loop within a loop"
    if isinstance(node, nodes.Name) and node.ctx == "store" and node.name in WORDS:
        return f"loop that calls each {node.name!r}"
    return None


def _is_list(node: nodes.Node | None) -> bool:
    """Whether it is a list of words, or a part of one (`titles[1:]`)."""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        node = node.node
    return isinstance(node, nodes.Name) and node.name in LISTS


# Text with {{ titles[0] }}, {{ items }}, {{ because }} and {% if again %} (Jinja).
Wording = Annotated[str, AfterValidator(_checked)]


def words_in(text: Wording) -> list[str]:
    """The words of an offer that a template speaks of, such as ``titles``."""
    return sorted(meta.find_undeclared_variables(_environment.parse(text)))


def written(text: Wording, offer: Offer | None) -> str:
    """A line for one user, as a cell of a table that people may open in a spreadsheet.

    Args:
        text: the template.
        offer: what the user is offered, which gives the words their values; of a title, its
            first 500 letters. None where nothing is offered: there are no words.

    Raises:
        InputError: the template asks for more than there is, such as a third title of two, or
            the line would have more than 10,000 letters.
    """
    try:
        line = _line(_compiled(text), {} if offer is None else _words(offer))
    # A template computes: it takes a third of two titles and adds words to numbers.
    except Exception as error:
        raise InputError(
            f"the template {text!r} cannot be written for an offer of "
            f"{0 if offer is None else len(offer.items)} items: "
            f"{str(error).rstrip('.')}. Ask first, as in {{% if titles|length > 1 %}}, or raise "
            "offer.least."
        ) from error
    return spreadsheet_cell(" ".join(line.split()))


def _words(offer: Offer) -> dict[str, object]:
    return {
        "titles": tuple(printable(title, LONGEST_TITLE) for title in offer.titles),
        "items": offer.items,
        "because": printable(offer.because, LONGEST_TITLE),
        "again": offer.again,
    }


def _line(template: Template, words: dict[str, object]) -> str:
    pieces, letters = [], 0
    for piece in template.generate(words):
        pieces.append(piece)
        letters += len(piece)
        if letters > LONGEST_LINE:
            raise ValueError(f"the line has more than {LONGEST_LINE:,} letters")
    return "".join(pieces)


@lru_cache
def _compiled(text: str) -> Template:
    return _environment.from_string(text)
