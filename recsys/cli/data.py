"""Commands about logs: a first experiment, public and generated ones, what is odd about one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.app import RUNS, ExperimentFile, Overrides, RunsDir, app, data_app
from recsys.cli.checks import check_log
from recsys.system.display import printable_document, show

Role = Annotated[str | None, typer.Option(metavar="COLUMN", help="the column with this role")]


@app.command()
def init(
    log: Annotated[str, typer.Argument(help="file, folder or glob of the interaction log")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file to write")] = Path(
        "experiment.yaml"
    ),
    user: Role = None,
    item: Role = None,
    time: Role = None,
    order: Role = None,
    event: Role = None,
    value: Role = None,
    quantity: Role = None,
    session: Role = None,
    split: Role = None,
    delimiter: Annotated[str | None, typer.Option(help="between CSV columns")] = None,
    encoding: Annotated[str | None, typer.Option(help="of a text file, such as gb18030")] = None,
) -> None:
    """Guess the roles of a log's columns and write a commented experiment to start from.

    A role that you name is not guessed; within records, name it by its path (event.item.id).
    """
    from recsys.api.data import init

    roles = {
        "user": user, "item": item, "time": time, "order": order, "event": event, "value": value,
        "quantity": quantity, "session": session, "split": split,
    }  # fmt: skip
    reading = {"delimiter": delimiter, "encoding": encoding}
    written = init(
        log,
        output,
        reading={name: setting for name, setting in reading.items() if setting is not None},
        **{role: column for role, column in roles.items() if column is not None},
    )
    print(written.text)
    for note in written.notes:
        print(f"check: {note}", file=sys.stderr)
    print(written.next)


@data_app.command("list")
def list_data() -> None:
    """The public data sets that can be fetched by name."""
    from recsys.data.sources.public import list_public

    for entry in list_public():
        print(f"{entry.name}: {entry.description}")


@data_app.command()
def fetch(name: str) -> None:
    """Fetch a public data set; prints its folder."""
    from recsys.api.data import fetch_data

    print(fetch_data(name))


@data_app.command()
def generate(
    folder: Path,
    events: int = 1_000_000,
    users: int = 50_000,
    items: int = 10_000,
    seed: int = 0,
    actions: Annotated[
        bool,
        typer.Option(
            "--actions", help="with views, carts and purchases, on which the next item depends"
        ),
    ] = False,
) -> None:
    """Write a log of users with drifting tastes, with side tables."""
    from recsys.api.data import generate_data

    print(generate_data(folder, events, users, items, seed, actions))


@data_app.command()
def check(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            help="folder of a prepared dataset or of a run, to compare the log with",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="the page; beside the dataset by default", show_default=False
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Say what is odd about a log, and write a page of it; limits that it exceeds refuse it."""
    check_log(experiment, overrides)
    from dataclasses import asdict

    from recsys.api.data_check import check_data
    from recsys.system.yaml_text import dump_yaml

    check = check_data(experiment, overrides, against=against, runs_dir=runs_dir, output=output)
    manifest = check.dataset.manifest
    found = {
        "findings": [asdict(finding) for finding in check.found],
        **({"comparisons": [asdict(each) for each in check.compared]} if check.compared else {}),
        "quality": manifest.quality,
        "split": manifest.split,
    }
    show(dump_yaml(printable_document(found)))
    show(f"rows left out: {check.dataset.path / 'quarantine.parquet'}")
    show(f"page: {check.page}")
    check.refuse()
