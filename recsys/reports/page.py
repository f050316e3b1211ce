"""What both kinds of pages are made with: documents in, one file out that works offline."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from recsys.atomic import atomic_path
from recsys.errors import InputError
from recsys.reports import plots
from recsys.yaml_text import read_yaml

# Ids that would tell everybody how to reach the user.
CONTACT = re.compile(r"\S+@\S+|\+[\d\s()/.-]{7,}")


def read_document(path: Path, default: Any = None) -> Any:
    """A JSON or YAML document; ``default``, if there is one, where the file is missing.

    Raises:
        InputError: it is missing or damaged.
    """
    if not path.is_file():
        if default is not None:
            return default
        raise InputError(f"{path.parent} has no {path.name}: it is no run folder, or unfinished")
    try:
        text = path.read_text(encoding="utf-8")
        return read_yaml(text, str(path)) if path.suffix == ".yaml" else json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}): remove it and run again") from error


def write_page(path: Path, template: str, **context: Any) -> Path:
    """Renders a template into a file, in whole or not at all.

    Args:
        path: of the page.
        template: its name.
        context: what it shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recsys.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "words": lambda name: str(name).replace("_", " "),
        "percent": lambda share: f"{100 * share:.1f} %",
        "plain": _plain,
        "user": _user,
        "points": lambda share: f"{100 * share:+.1f}",
    }
    document = environment.get_template(template).render(**context)
    with atomic_path(path) as partial:
        partial.write_text(document, encoding="utf-8")
    return path


def inline(figure: Figure) -> str:
    """A figure as a ``data:`` address."""
    return "data:image/svg+xml;base64," + base64.b64encode(plots.to_svg(figure)).decode("ascii")


def _number(value: float | None) -> str:
    """A metric: four decimals, or two from 10 on."""
    if value is None:
        return "n/a"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def _user(user: Any) -> str:
    """A user's id; not where it is an e-mail address or a telephone number."""
    return "kept back" if CONTACT.fullmatch(str(user).strip()) else str(user)


def _plain(value: Any) -> str:
    """Any other value of a document in words: large numbers grouped, lists joined."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
        case list() | tuple():
            return ", ".join(_plain(each) for each in value) or "none"
        case _:
            return str(value)
