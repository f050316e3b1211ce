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
RUNS = Path("runs")
