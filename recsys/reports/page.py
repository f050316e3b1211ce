"""What both kinds of pages are made with: documents in, one file out that works offline."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from recsys.errors import InputError
from recsys.reports import plots
from recsys.system.display import LONGEST_LINE, printable
from recsys.system.files import atomic_path
from recsys.system.recorded import RecordedFiles

MANIFESTS = ("manifest.json", "version.json")  # of runs and replays; of audiences and campaigns
MEND = "Run the command that made the folder again: what is damaged is made again"
# Ids that would tell everybody how to reach the user.
CONTACT = re.compile(r"\S+@\S+|\+[\d\s()/.-]{7,}")


def checked(path: Path) -> Path:
    """A file of a folder that this package made, once it proved to be as it was recorded.

    Args:
        path: of a run, a version of an audience or of a campaign, or a replay.

    Raises:
        Damaged: it is not.
    """
    return _recorded(path).checked(path)


def read_document(path: Path, default: Any = None, keys: Sequence[str] = ()) -> Any:
    """A JSON or YAML document, :func:`checked`.

    Args:
        path: the file.
        default: instead, where the file is missing.
        keys: which the document has, unless it is another program's.

    Raises:
        InputError: it is missing and there is no default, it is damaged, or another document.
    """
    if not path.is_file():
        if default is not None:
            return default
        raise InputError(f"{path.parent} has no {path.name}: it is no run folder, or unfinished")
    return _recorded(path).read(path, keys)


def _recorded(path: Path) -> RecordedFiles:
    name = next((name for name in MANIFESTS if (path.parent / name).is_file()), MANIFESTS[0])
    return RecordedFiles(path.parent, MEND, name)


def write_page(
    path: Path, template: str, packages: Sequence[str] = ("recsys.reports",), **context: Any
) -> Path:
    """Renders a template into a file, in whole or not at all.

    Args:
        path: of the page.
        template: its name.
        packages: whose ``templates`` are looked through, one after the other.
        context: what it shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(each) for each in packages]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "words": lambda name: printable(name).replace("_", " "),
        "printable": printable,
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
    return "kept back" if CONTACT.fullmatch(str(user).strip()) else printable(user)


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
            return printable(value, LONGEST_LINE)
