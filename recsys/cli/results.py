"""Commands about what runs have found."""

from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.app import (
    RUNS,
    AsJson,
    ListColumns,
    Lists,
    RunsDir,
    app,
    list_columns,
    named_lists,
)
from recsys.runs.events import Compared, GroupCompared, emit
from recsys.system.backend import start_backend
from recsys.system.display import show
from recsys.tracking.config import CHAMPION


@app.command()
def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="folders of evaluated runs, or names of experiments, which mean all their seeds",
            show_default=False,
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            metavar="QUERY",
            help='and the runs that MLflow finds, such as \'params."model.dim" = "64"\'; those '
            "of one experiment are its seeds",
        ),
    ] = None,
    lists: Lists = None,
    column: ListColumns = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="ATTRIBUTE",
            help="within each group, such as user.country, item.category or item.popularity; of "
            "one run, the gaps between its groups",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="as often as there are; the first run's headline by default"),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="write it all as one file, too")
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Say which run is better on the test part that they share, and how sure that is."""
    from recsys.errors import InputError
    from recsys.runs.opening import open_seeds

    systems, columns = named_lists(lists), list_columns(column)
    found = [open_seeds(path, runs_dir) for path in runs or []]
    if query is not None:
        from recsys.api.searching import search_seeds

        named = {seed.path.resolve() for seeds in found for seed in seeds}
        found += search_seeds(query, runs_dir, named)
    is_alone = len(found) + len(systems) < 2
    if is_alone and (by is None or not found):
        raise InputError("compare: name at least two runs, such as runs/average runs/lstm")
    if is_alone and page is not None:
        raise InputError("compare: --page is of at least two runs, or of a run and --lists")
    start_backend()
    from recsys.api.comparing import compare
    from recsys.api.grouping import groups
    from recsys.api.run import Run
    from recsys.api.tables import records

    experiments = [[Run(seed) for seed in seeds] for seeds in found]
    if is_alone and by is not None:
        for seed in experiments[0]:
            for row in records(groups(seed, by, metric)):
                emit(GroupCompared.model_validate({"run": str(seed.path), "by": by, **row}))
                sentence = row["sentence"]
                show(f"{seed.path}: {sentence}" if len(experiments[0]) > 1 else sentence)
        return
    table = compare(experiments, metric, lists=systems, columns=columns, by=by, page=page)
    for row in records(table):
        emit(Compared.model_validate(row))
        show(row["sentence"])


@app.command()
def promote(
    run: Annotated[Path, typer.Argument(help="folder of an exported run")],
    alias: Annotated[str, typer.Option("--as", metavar="ALIAS", help="in the registry")] = CHAMPION,
    force: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="although it is worse, or cannot be compared"),
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Put a run's model in use (models:/NAME@champion), unless it is worse than today's."""
    from recsys.runs.opening import open_exported

    folder = open_exported(run)
    start_backend()
    from recsys.api.promoting import promote
    from recsys.api.run import Run

    done = promote(Run(folder), alias, force=force, runs_dir=runs_dir)
    show(done.sentence)
    show(f"models:/{done.model}@{done.alias} is version {done.version}")


@app.command()
def rollback(
    model: Annotated[str, typer.Argument(help="name of the registered model")],
    alias: Annotated[str, typer.Option("--as", metavar="ALIAS", help="in the registry")] = CHAMPION,
    reason: Annotated[str, typer.Option(help="in words")] = "rolled back",
    runs_dir: RunsDir = RUNS,
) -> None:
    """Put the model back in use that `recsys promote` replaced."""
    from recsys.api.promoting import rollback

    show(rollback(model, alias, reason=reason, runs_dir=runs_dir).sentence)


@app.command()
def reproduce(
    run: Annotated[Path, typer.Argument(help="folder of an evaluated run of one seed")],
    into: Annotated[
        Path | None, typer.Option(help="runs folder of the second run; beside the first one's")
    ] = None,
) -> None:
    """Make a run again, from its log on, and say whether its metrics hold."""
    from recsys.runs.opening import open_run

    folder = open_run(run)
    start_backend()
    from recsys.api.reproducing import reproduce
    from recsys.api.run import Run

    found = reproduce(Run(folder), runs_dir=into)
    for difference in found.differences:
        show(f"differs: {difference}")
    show(f"{found.run.path}: {found.sentence}")
    if not found.holds:
        raise typer.Exit(1)


@app.command("list")
def list_all(runs_dir: RunsDir = RUNS, as_json: AsJson = False) -> None:
    """Show every run: how far it has come, what it found, how long it took, how long ago."""
    from recsys.runs.listing import list_runs, listing

    found = list_runs(runs_dir)
    for run in found:
        emit(run)
    if not as_json:
        show(listing(found))


@app.command()
def trials(
    sweep: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="of a sweep, such as runs/sweeps/NAME")
    ],
) -> None:
    """Show what a sweep has tried so far, and write its page; workers may be at it."""
    start_backend()  # first: what comes with the sweep imports Keras, which is loud
    from recsys.tuning.trials import trials

    table, page = trials(sweep)
    show(table)
    print(page)
