"""The application, and the arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from recsys.system.commands import Commands

app = typer.Typer(
    cls=Commands,
    help="From an interaction log to a candidate generator in production.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Public, generated and your own logs.", no_args_is_help=True)
app.add_typer(data_app, name="data")


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from recsys import __version__

        print(f"recsys {__version__}")
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[
        bool,
        typer.Option("--version", help="show the version", callback=_show_version, is_eager=True),
    ] = False,
) -> None: ...


ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT.yaml")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="such as training.epochs=3", show_default=False),
]
Name = Annotated[str | None, typer.Option(help="of the run; the experiment's by default")]
RunsDir = Annotated[Path, typer.Option(help="where runs, datasets and the MLflow store lie")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace a run of the same name")]
Lists = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="what another system recommended: a table of user, item, and rank or score; as often "
        "as there are",
    ),
]
ListColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="ROLE=NAME", help="of the lists, such as user=customer or rank=position"
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="write events for programs to stdout, a JSON object a line"),
]
RUNS = Path("runs")


def list_columns(given: list[str] | None) -> dict[str, str]:
    """Names of columns by role, of ``ROLE=NAME``.

    Raises:
        InputError: one has no ``=``.
    """
    from recsys.errors import InputError

    found = {}
    for each in given or []:
        role, equals, name = each.partition("=")
        if not (equals and role and name):
            raise InputError(f"--column {each}: write ROLE=NAME, such as user=customer")
        found[role] = name
    return found


def named_lists(given: list[str] | None) -> dict[str, str]:
    """Files of lists by the name of their system, which is that of the file.

    Raises:
        InputError: one is not there, or two have one name.
    """
    from recsys.errors import InputError

    found: dict[str, str] = {}
    for each in given or []:
        name = Path(each).stem
        is_local = "://" not in each and not set(each) & set("*?[")
        if is_local and not Path(each).exists():  # before anything that takes long
            raise InputError(f"--lists: {each} is not there")
        if name in found:
            raise InputError(
                f"--lists: {found[name]} and {each} are both called {name}: rename one"
            )
        found[name] = each
    return found
