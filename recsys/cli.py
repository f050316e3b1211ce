"""The command line: parses, calls, prints.

Rooms are imported by the commands that need them, after the backend has been
started: `recsys --help` and `recsys data list` answer at once.
"""

import json
import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early
from recsys.runs.console import lines_shown, say
from recsys.system.backend import start_backend
from recsys.system.commands import Commands
from recsys.system.display import printable, printable_document, show, show_error
from recsys.system.endings import ending
from recsys.system.redaction import redact
from recsys.system.stopping import stopped_by_signals
from recsys.system.wording import as_typed

if TYPE_CHECKING:
    from recsys.api.run import Run
    from recsys.experiment.schema import Experiment
    from recsys.experiment.task import Task

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
ContinueFrom = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="go on from this run's model, on a log that has grown (training.continue_from.run)",
    ),
]
Role = Annotated[str | None, typer.Option(metavar="COLUMN", help="the column with this role")]
RUNS = Path("runs")


@app.command()
def run(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    continue_from: ContinueFrom = None,
) -> None:
    """Prepare, train, evaluate and export; continues a run that was stopped."""
    overrides = _continued(overrides, continue_from)
    if (task := _task(experiment, overrides)) is not None:
        task.check(experiment, overrides, name)
        start_backend()
        show(task.run(experiment, overrides, name, runs_dir, overwrite).summary())
        return
    _check(experiment, overrides, name, runs_dir, overwrite)
    from recsys.api.training import each_run

    seeds = []
    for each in each_run(experiment, overrides, name, runs_dir, overwrite):
        show(each.summary())
        say(f"report: {each.report}")
        _say_page(each.experiment, runs_dir, each.path)
        seeds.append(each)
    _show_seeds(seeds)


def _continued(overrides: list[str] | None, run: str | None) -> list[str] | None:
    """The overrides, with the run to go on from; quoted, as values are YAML."""
    if run is None:
        return overrides
    return [*(overrides or []), f"training.continue_from.run={json.dumps(run)}"]


@app.command()
def prepare(
    experiment: ExperimentFile, overrides: Overrides = None, runs_dir: RunsDir = RUNS
) -> None:
    """Turn the log into a dataset on disk."""
    _check_data(experiment, overrides)
    from recsys.api.data import prepare

    print(prepare(experiment, overrides, runs_dir=runs_dir).path)


@app.command()
def train(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    continue_from: ContinueFrom = None,
) -> None:
    """Fit the model, or continue a fit that was stopped."""
    overrides = _continued(overrides, continue_from)
    _check(experiment, overrides, name, runs_dir, overwrite)
    from recsys.api.training import each_run

    for each in each_run(experiment, overrides, name, runs_dir, overwrite, "train"):
        print(each.path)


@app.command()
def evaluate(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Rank the test part with a trained model, beside the baselines."""
    _check(experiment, overrides, name, runs_dir)
    from recsys.api.training import each_run

    seeds = []
    for each in each_run(experiment, overrides, name, runs_dir, only="evaluate"):
        show(each.summary())
        seeds.append(each)
    _show_seeds(seeds)


@app.command()
def export(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Write the SavedModel of a trained model."""
    _check(experiment, overrides, name, runs_dir)
    from recsys.api.training import each_run

    for each in each_run(experiment, overrides, name, runs_dir, only="export"):
        print(each.path / "model" / each.experiment.export.version)


@app.command()
def refresh(
    artefact: Annotated[
        Path, typer.Argument(help="folder of a run, or of one version of its model")
    ],
    items: Annotated[
        Path, typer.Option(help="the item table as it is now, as `data.items` reads it")
    ],
) -> None:
    """Export the model again with a newer item table, without training."""
    from recsys.api.loading import load

    print(load(artefact).refresh(items).model.folder)


@app.command()
def index(
    run: Annotated[Path, typer.Argument(help="folder of a run, or of one version of its model")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="such as kind=ivf quantise=int8 min_recall=0.98",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder; RUN/index/VERSION by default")
    ] = None,
) -> None:
    """Build an approximate index of the items (FAISS), if it finds what an exact search does."""
    from recsys.api.loading import load
    from recsys.experiment.file import overridden

    print(load(run).index(output, **overridden({}, settings)).folder)


@app.command()
def onnx(
    run: Annotated[Path, typer.Argument(help="folder of a run, or of one version of its model")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder; RUN/onnx/VERSION by default")
    ] = None,
) -> None:
    """Write the exported model as ONNX, if ONNX Runtime answers as the SavedModel does."""
    from recsys.api.loading import load

    print(load(run).onnx(output))


@app.command()
def sweep(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
) -> None:
    """Search the values that `sweep` in the experiment names; continues where it was stopped."""

    def check() -> None:
        from recsys.tuning.sweep import Sweep
        from recsys.tuning.sweep_file import read_sweep

        Sweep(*read_sweep(experiment, overrides, name), runs_dir, overwrite).corners()

    refuse_early(["recsys.tuning.sweep"], check)
    from recsys.api.training import sweep

    command = redact(shlex.join(["recsys", *sys.argv[1:]]))
    best = sweep(
        experiment, overrides, name=name, runs_dir=runs_dir, overwrite=overwrite, command=command
    )
    print(best)
    say(f"run the winner: recsys run {shlex.quote(str(best))}")
    from recsys.tuning.sweep_file import read_sweep

    _say_page(read_sweep(experiment, overrides, name)[0], runs_dir, best.parent)


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
        show(opened.recommend_all(out, users=given, histories=histories, k=k, titles=titles))
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


Artefact = Annotated[
    str,
    typer.Argument(
        metavar="ARTEFACT", help="folder of a run or of an exported version, or models:/NAME@ALIAS"
    ),
]


@app.command()
def verify(
    artefact: Artefact,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="PUBLIC_KEY",
            help="that it must be signed with; RECSYS_VERIFY_KEY by default",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Compare every file of an exported model with its manifest, and check its signature."""
    from recsys.api.verifying import verify

    show(verify(artefact, key, runs_dir).summary())


@app.command()
def sign(
    artefact: Artefact,
    key: Annotated[
        Path, typer.Option(metavar="PRIVATE_KEY", help="PEM file, for its owner's eyes only")
    ],
) -> None:
    """Sign an exported model, so that machines with the public key load no other."""
    from recsys.api.verifying import sign

    print(sign(artefact, key))


@app.command()
def serve(
    artefact: Annotated[
        str,
        typer.Argument(
            help="folder of a version, of versions (runs/NAME/SEED/model) or of a run, or "
            "models:/NAME@ALIAS"
        ),
    ],
    host: Annotated[str, typer.Option(help="address to listen at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free")] = 8501,
    name: Annotated[
        str | None, typer.Option(help="of the model in addresses; the experiment's by default")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=VERSION", help="serve a version beside the newest: --label canary=4"
        ),
    ] = None,
    without_token: Annotated[
        bool, typer.Option("--without-token", help="let other machines ask without a token")
    ] = False,
    rate: Annotated[
        str, typer.Option(help="most requests from one address; none: any number")
    ] = "100/second",
    batch: Annotated[int, typer.Option(min=1, help="most rows of a request")] = 256,
    history: Annotated[int, typer.Option(min=1, help="most events of a history")] = 10_000,
    body_bytes: Annotated[int, typer.Option(min=1, help="most bytes of a request")] = 2**21,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="requests computed at a time; by default, one a core"),
    ] = None,
    poll_seconds: Annotated[
        float, typer.Option(min=0.1, help="between looks for a new version")
    ] = 5.0,
    items: Annotated[
        Path | None, typer.Option(help="table of items (CSV, Parquet) with addresses of pictures")
    ] = None,
    picture: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="the column of --items with them")
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Serve a model over HTTP, as TensorFlow Serving does, with a page to try it on.

    The token that requests must bring is RECSYS_KEY_SERVE in the environment.
    """
    from recsys.system.extras import require

    for module in ("starlette", "uvicorn", "limits", "prometheus_client"):
        require(module, extra="serving", what="recsys serve")
    from recsys.serving.server import serve
    from recsys.serving.settings import ServingSettings, read_labels

    if (items is None) != (picture is None):
        raise InputError("--items and --picture go together: a table, and its column of pictures")
    settings = ServingSettings.of(
        host=host,
        port=port,
        name=name,
        labels=read_labels(label or []),
        without_token=without_token,
        rate=None if rate == "none" else rate,
        batch=batch,
        history=history,
        body_bytes=body_bytes,
        workers=workers,
        poll_seconds=poll_seconds,
    )
    serve(artefact, settings, runs_dir, items, picture)


@app.command("serving-config")
def serving_config(
    artefact: Annotated[
        Path, typer.Argument(help="folder of versions (runs/NAME/SEED/model) or of a run")
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=VERSION",
            help="as often as there are: --label stable=1 --label canary=2; by default, the "
            "newest version is stable",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="of the model in addresses; the experiment's by default")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to write into")] = Path(
        "serving"
    ),
) -> None:
    """Write what TensorFlow Serving is started with: models, labels, batching, a compose file."""
    from recsys.serving.settings import read_labels
    from recsys.serving.source import find_source
    from recsys.serving.tensorflow_serving import serving_files

    made = serving_files(find_source(str(artefact), RUNS), read_labels(label or []), name)
    for file in made.write(output):
        print(file)
    say(f"start it: docker compose -f {shlex.quote(str(output / 'compose.yaml'))} up")
    say(f"ask it: http://localhost:8501/v1/models/{made.name}:predict")


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
    _check_data(experiment, overrides)
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


def _check(
    experiment: Path,
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    overwrite: bool = False,
) -> None:
    """Refuses early what is wrong with an experiment, or with the runs that have its name."""

    def check() -> None:
        from recsys.api.steps import pipelines
        from recsys.experiment.schema import load_experiment

        list(pipelines(load_experiment(experiment, overrides, name), runs_dir, overwrite))

    refuse_early(["recsys.api.steps"], check)


def _check_data(experiment: Path, overrides: list[str] | None) -> None:
    """Refuses early what is wrong with an experiment of any task that reads a log."""
    if (task := _task(experiment, overrides)) is not None:
        task.check(experiment, overrides)
        return

    def check() -> None:
        from recsys.experiment.schema import load_experiment

        load_experiment(experiment, overrides)

    refuse_early(["recsys.experiment.schema"], check)


def _say_page(experiment: "Experiment", runs_dir: Path, run_folder: Path) -> None:
    """Where MLflow shows a run."""
    from recsys.tracking import page_command

    if experiment.tracking.enabled:
        say(f"MLflow page: {page_command(runs_dir, run_folder)}")


def _show_seeds(runs: "list[Run]") -> None:
    """The seeds of an experiment in one table, where there are several."""
    from recsys.runs.folder import RunFolder
    from recsys.runs.summary import seeds_summary

    if len(runs) > 1:
        show(seeds_summary([RunFolder(run.path) for run in runs]))


def _task(experiment: Path, overrides: list[str] | None) -> "Task | None":
    """The task that an installed package adds; None of `task: recommendation`."""
    from recsys.experiment.file import DEFAULT_TASK, read_document
    from recsys.experiment.task import load_task

    name = read_document(experiment, overrides)["task"]
    return None if name == DEFAULT_TASK else load_task(name, experiment)


def main() -> None:
    """Exit status: 0 success, 2 bad input (one message, no traceback), 1 a failure of ours.

    128 and the number of the signal that ended it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """
    with stopped_by_signals(), lines_shown(), as_typed():
        try:
            app()
        except BaseException as error:
            if (end := ending(error, sys.argv[1:])) is not None:
                show_error(redact(end.message))
                sys.exit(end.status)
            if isinstance(error, Exception):
                _fail()
            raise


def _fail() -> NoReturn:
    """Prints the traceback of a failure of ours, without secrets that it may hold."""
    show_error(redact(traceback.format_exc()))
    sys.exit(1)


if __name__ == "__main__":
    main()
