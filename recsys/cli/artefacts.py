"""Commands about an exported model: newer items, an index, ONNX, its files, who serves it."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from recsys.cli.app import RUNS, RunsDir, app
from recsys.errors import InputError
from recsys.runs.console import say
from recsys.system.display import show

Artefact = Annotated[
    str,
    typer.Argument(
        metavar="ARTEFACT", help="folder of a run or of an exported version, or models:/NAME@ALIAS"
    ),
]


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
