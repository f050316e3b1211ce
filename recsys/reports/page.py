"""What pages are made with: documents in, one file out that works offline."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from recsys.errors import InputError
from recsys.reports import plots
from recsys.system.display import LONGEST_LINE, printable
from recsys.system.files import atomic_path
from recsys.system.recorded import RecordedFiles
from recsys.system.results import read_results

MANIFEST = "manifest.json"  # of runs
MEND = "Run the command that made the folder again: what is damaged is made again"


def checked(path: Path, manifest: str = MANIFEST) -> Path:
    """A file of a folder that this package made, once it proved to be as it was recorded.

    Args:
        path: the file.
        manifest: name of the file beside it in which its digest is recorded.

    Raises:
        Damaged: the file is missing or has changed.
    """
    return RecordedFiles(path.parent, MEND, manifest).checked(path)


def read_document(
    path: Path, default: Any = None, keys: Sequence[str] = (), manifest: str = MANIFEST
) -> Any:
    """A JSON or YAML document, :func:`checked`.

    Args:
        path: the file.
        default: instead, where the file is missing.
        keys: which the document has, unless it is another program's.
        manifest: see :func:`checked`.

    Raises:
        InputError: the document is missing and there is no default, it is damaged, or it is
            another one.
    """
    if not path.is_file():
        if default is not None:
            return default
        raise InputError(f"{path.parent} has no {path.name}: it is not a run folder, or unfinished")
    return RecordedFiles(path.parent, MEND, manifest).read(path, keys)


def read_metrics(run: Path, keys: Sequence[str] = ()) -> dict[str, Any]:
    """What a run found.

    Args:
        run: its folder.
        keys: that ``metrics.json`` has.

    Raises:
        InputError: it is missing or damaged, or another version of recsys wrote it.
    """
    file = run / "metrics.json"
    read_document(file)
    return read_results(RecordedFiles(run, MEND), file, keys)


def write_page(
    path: Path,
    template: str,
    packages: Sequence[str] = ("recsys.reports",),
    filters: Mapping[str, Callable[[Any], str]] | None = None,
    **context: Any,
) -> Path:
    """Renders a template into a file, in whole or not at all.

    Args:
        path: of the page.
        template: its name.
        packages: whose ``templates`` are looked through, one after the other.
        filters: what the template can write values by, beside ours.
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
        **(filters or {}),
    }
    document = environment.get_template(template).render(**context)
    with atomic_path(path, private=True) as partial:
        partial.write_text(document, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Picture:
    """A figure of a page, as ``data:`` addresses.

    Attributes:
        light: on a white page, and on paper.
        dark: on a dark one.
    """

    light: str
    dark: str


def inline(figure: Figure) -> Picture:
    """A figure as part of a page."""
    drawing = plots.to_svg(figure, transparent=True)
    return Picture(_address(drawing), _address(plots.in_the_dark(drawing)))


def _address(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def _number(value: float | None) -> str:
    """A metric: four decimals, or two from 10 on."""
    if value is None:
        return "n/a"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


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
