"""The lines that users read, from templates that a campaign file holds."""

from functools import lru_cache
from typing import Annotated

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator

from recsys.errors import InputError
from recsys.marketing.campaigns.offers import Offer

WORDS = ("titles", "items", "because", "again")
REASON = (
    "{% if again %}You have chosen it before{% elif because %}Because you chose {{ because }}"
    "{% else %}Chosen for you{% endif %}"
)
# A template is data: it sees the words, and nothing of Python.
_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


def _checked(text: str) -> str:
    try:
        unknown = meta.find_undeclared_variables(_environment.parse(text)) - set(WORDS)
    except TemplateError as error:
        raise ValueError(f"is no template: {error}") from error
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no word of a template; there are {', '.join(WORDS)}")
    return text


# Text with {{ titles[0] }}, {{ items }}, {{ because }} and {% if again %} (Jinja).
Wording = Annotated[str, AfterValidator(_checked)]


def written(text: Wording, offer: Offer) -> str:
    """A line for one user.

    Args:
        text: the template.
        offer: what the user is offered, which gives the words their values.

    Raises:
        InputError: the template asks for more than there is, such as a third title of two.
    """
    words = {name: getattr(offer, name) for name in WORDS}
    try:
        return " ".join(_compiled(text).render(words).split())
    # A template computes: it divides by zero and adds words to numbers as any program does.
    except Exception as error:
        raise InputError(
            f"the template {text!r} cannot be written for an offer of {len(offer.items)} items: "
            f"{str(error).rstrip('.')}. Ask first, as in {{% if titles|length > 1 %}}, or raise "
            "offer.least."
        ) from error


@lru_cache
def _compiled(text: str) -> Template:
    return _environment.from_string(text)
