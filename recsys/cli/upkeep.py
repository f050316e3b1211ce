"""Commands about what is there already: a tracking server, users to forget, the machine."""

from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.app import RUNS, RunsDir, app
from recsys.experiment.precheck import refuse_early
from recsys.runs.console import say
from recsys.system.backend import start_backend
from recsys.system.display import show


@app.command()
def upload(
    run: Annotated[Path, typer.Argument(help="folder of a run that was logged locally")],
    runs_dir: RunsDir = RUNS,
) -> None:
    """Send a run to the MLflow server that MLFLOW_TRACKING_URI names."""

    def check() -> None:
        from recsys.runs.opening import open_run
        from recsys.tracking.upload import server_uri

        open_run(run)
        server_uri(runs_dir)

    refuse_early(["recsys.runs.opening", "recsys.tracking.upload"], check)
    start_backend()
    from recsys.api.run import Run
    from recsys.runs.opening import open_run

    print(Run(open_run(run)).upload(runs_dir))


@app.command()
def forget(
    user: Annotated[
        list[str] | None, typer.Option(help="id as in the log; as often as there are users")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="a text file with an id on each line")] = None,
    runs_dir: RunsDir = RUNS,
    purge: Annotated[
        bool, typer.Option("--purge", help="write the files again that hold them")
    ] = False,
) -> None:
    """Leave users out of all later work; find, and with --purge remove, what holds them now."""
    from recsys.api.forgetting import forget, ids_in

    given = [*(user or []), *(ids_in(users) if users is not None else [])]
    found = forget(given, runs_dir=runs_dir, purge=purge)
    for row in found.to_dict("records"):
        count = f" ({row['users']:,} of {len(set(given)):,})" if row["users"] else ""
        show(f"{row['path']}: {row['holds']}{count}: {row['done']}")
    say(f"later work leaves them out: {runs_dir / 'forgotten.json'}")
    if not purge and len(found):
        say("to write these files again without them: the same command with --purge")
    say("not ours, and left as they are: the log and the tables that you give; copies of files")


@app.command()
def doctor(
    require_gpu: Annotated[bool, typer.Option(help="exit with status 1 without a GPU")] = False,
) -> None:
    """Show versions, devices, memory and disk."""
    from recsys import doctor as diagnosis

    raise typer.Exit(diagnosis.run(require_gpu))
