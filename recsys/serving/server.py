"""`recsys serve`: finds a model, publishes it, and listens until it is asked to end."""

import logging
import socket
from pathlib import Path

from recsys.errors import InputError
from recsys.serving.app import make_app
from recsys.serving.log import log_event
from recsys.serving.metrics import Metrics
from recsys.serving.pictures import read_pictures
from recsys.serving.settings import ServingSettings, serving_token
from recsys.serving.source import find_source
from recsys.serving.versions import Versions
from recsys.system.backend import start_backend

# What is being answered when the server is asked to end may take this long.
GOODBYE_SECONDS = 30
KEEP_ALIVE_SECONDS = 30
# Connections at a time; more are refused with 503.
MOST_CONNECTIONS = 1024
BACKLOG = 512


def serve(
    artefact: str,
    settings: ServingSettings,
    runs_dir: Path,
    items: Path | None = None,
    picture: str | None = None,
) -> None:
    """Serves a model until SIGTERM or Ctrl-C; what is being answered then is answered.

    Args:
        artefact: see :func:`recsys.serving.source.find_source`.
        settings: how to listen, and limits.
        runs_dir: where the MLflow store lies.
        items: a table of items; None: the page shows no pictures.
        picture: its column with addresses of pictures.

    Raises:
        InputError: there is no model that can be served, the address is taken, or anyone could
            ask.
    """
    token = serving_token(settings)
    with _listening(settings) as listener:
        source = find_source(artefact, runs_dir)
        start_backend()
        metrics = Metrics()
        versions = Versions(source, settings.labels, metrics)
        experiment = versions.newest.recommender.manifest["experiment"]
        name = settings.name or source.name or experiment.get("name") or "model"
        pictures = {}
        if items is not None and picture is not None:
            pictures = read_pictures(items, picture, experiment)
        app = make_app(name, versions, settings, metrics, token, pictures)
        versions.watch(settings.poll_seconds)
        try:
            _run(app, settings, listener, name, token is not None)
        finally:
            versions.close()
            log_event("ended")


def _listening(settings: ServingSettings) -> socket.socket:
    """The address, taken before the model is loaded, and listened at after."""
    taken = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((settings.host, settings.port))
        return taken
    except OSError as error:
        taken.close()
        raise InputError(
            f"{settings.host}:{settings.port} cannot be listened at: {error.strerror}. Name "
            "another with --host and --port"
        ) from error


def _run(
    app: object, settings: ServingSettings, listener: socket.socket, name: str, has_token: bool
) -> None:
    import uvicorn

    # It would say of every malformed line that it was one.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )
    listener.listen(BACKLOG)
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    log_event("listening", url=f"http://{host}:{port}", model=name, token=has_token)
    uvicorn.Server(config).run(sockets=[listener])
