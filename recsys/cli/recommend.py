"""``recsys recommend``: an exported model, asked for one user or for many."""

from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.app import app
from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early
from recsys.system.display import printable, show


@app.command()
def recommend(
    run: Annotated[
        Path,
        typer.Argument(
            help="folder of a run, such as runs/quickstart-lstm, or of a SavedModel, or "
            "models:/NAME@ALIAS"
        ),
    ],
    history: Annotated[
        str | None, typer.Option(help="item ids, oldest first, separated by commas")
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(help="the history, one id after the other: --item A --item 'B, with comma'"),
    ] = None,
    user: Annotated[str | None, typer.Option(help="a user of the log")] = None,
    k: Annotated[
        int | None, typer.Option("-k", "--k", min=1, help="how many; 10 by default")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ATTRIBUTE=ALLOWED",
            help="only items of these attributes (export.filters): category=tea,coffee or "
            "price=5..20; several must all hold",
        ),
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="name the reasons of each item")] = False,
    users: Annotated[
        str | None,
        typer.Option(
            metavar="all|FILE",
            help="many users of the log: all, or those of a text file with an id on each line, or "
            "of a column of a CSV or Parquet file",
        ),
    ] = None,
    histories: Annotated[
        Path | None,
        typer.Option(help="instead, a CSV or Parquet file of histories, a row per event"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder of Parquet files to write, or to continue, for many users"),
    ] = None,
    titles: Annotated[bool, typer.Option("--titles", help="write titles, too")] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER/SHARDS",
            help="for several processes or machines: 2/8 answers the second of eight equal shares "
            "of the users",
        ),
    ] = None,
) -> None:
    """Ask the exported SavedModel, for one user or, with --out, for many."""
    asked = [
        given for given in (history, item or None, user, users, histories) if given is not None
    ]
    if len(asked) != 1:
        raise InputError(
            "give one of --history, --item (as often as there are items) and --user; or one of "
            "--users and --histories, with --out"
        )
    is_batch = users is not None or histories is not None
    if is_batch != (out is not None):
        raise InputError(
            "--users and --histories need --out, the folder to write"
            if is_batch
            else "--out is for many users: give --users all, --users FILE or --histories FILE"
        )
    if is_batch and (why or where):
        name = "--why" if why else "--where"
        raise InputError(f"{name} is for one user: leave it out, or ask with --user")
    if titles and not is_batch:
        raise InputError(
            "--titles is for --users and --histories: other answers have titles anyway"
        )
    if shard is not None and not is_batch:
        raise InputError("--shard is for --users and --histories: leave it out")

    def check() -> None:
        from recsys.runs.opening import open_exported

        open_exported(run).model_version()

    if any(run.glob("experiment.yaml")) or any(run.glob("*/experiment.yaml")):  # else a model
        refuse_early(["recsys.runs.opening"], check)
    from recsys.api.loading import load
    from recsys.api.where import where_of_options
    from recsys.data.sources.text import normal_id

    opened = load(run)
    if out is not None:
        given = None if users is None or users == "all" else Path(users)
        many = opened.recommend_all
        show(many(out, users=given, histories=histories, k=k, titles=titles, shard=shard))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    allowed = where_of_options(where, opened.model.filters) if where else None
    if user is not None:
        data = opened.dataset
        if data.stored_user_id(normal_id(user)) not in data.user_places:
            raise InputError(
                f"there is no user {user!r} in the dataset {opened.dataset.path}. Give the history "
                "itself: --history ITEM,ITEM,… or --item ITEM --item ITEM …"
            )
        found = opened.recommend([user], k=k, where=allowed, why=why)
    else:
        items = item or [each for each in (history or "").split(",") if each.strip()]
        found = opened.recommend(histories=[items], k=k, where=allowed, why=why)
    shown = ["item", "title", "score"] if opened.model.titles else ["item", "score"]
    table = Table("", *shown, box=None)
    for column in table.columns[1:-1]:
        column.overflow = "fold"
    for row in found.to_dict("records"):
        names = [Text(printable(row[name])) for name in shown[:-1]]
        table.add_row(str(row["rank"]), *names, f"{row['score']:.3f}")
        if why:
            words = Text(printable(row["why"]), style="dim")
            table.add_row("", *([""] * (len(shown) - 2)), words, "")
    if len(found):
        Console().print(table)
