"""Where MLflow runs are kept: the local store, a server, and whether that server answers."""

import contextlib
import os
import shlex
import shutil
import sqlite3
import sys
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from recsys.errors import InputError
from recsys.system.files import draft_folder, locked
from recsys.system.redaction import HIDDEN, redact, remember_address, shown_address
from recsys.tracking import record
from recsys.tracking.relocation import adopt

PROBE_SECONDS = 5.0
DAMAGED = "Restore a copy of it, or move it away to begin a new one, without the runs that it holds"


def local_uri(runs_dir: Path) -> str:
    """The default store: an SQLite file in the runs folder."""
    return f"sqlite:///{runs_dir.resolve() / 'mlflow.db'}"


def open_local(runs_dir: Path) -> str:
    """The address of the default store, which is made, or settled where it lies now.

    Raises:
        InputError: ``mlflow.db`` is damaged, or of something else.
    """
    _create_local(runs_dir)
    database = runs_dir / "mlflow.db"
    try:
        adopt(database, artifact_location(runs_dir))
    except sqlite3.DatabaseError as error:
        is_busy = "locked" in str(error)
        mend = "Wait for what else is at work in it" if is_busy else DAMAGED
        raise InputError(
            f"the MLflow store {database} cannot be opened: {error}. {mend}; "
            "`tracking.enabled=false` runs without MLflow."
        ) from error
    # Copies of reports and models: MLflow itself goes by the umask.
    (runs_dir / "mlartifacts").mkdir(mode=0o700, exist_ok=True)
    return local_uri(runs_dir)


def _create_local(runs_dir: Path) -> None:
    """Makes the default store unless it is there.

    MLflow makes its tables in dozens of migrations, for seconds: processes that
    start together would run into each other, and one that is killed would leave
    a store that no later one can open. Hence aside, under a lock, then renamed.
    """
    from mlflow.tracking import MlflowClient

    database = runs_dir / "mlflow.db"
    if database.exists():
        return
    with locked(database):
        if database.exists():
            return
        with draft_folder(database.resolve()) as folder:
            MlflowClient(f"sqlite:///{folder}/migrated.db").search_experiments(max_results=1)
            # A copy, because MLflow keeps its connection to the file that it made.
            shutil.copy(f"{folder}/migrated.db", f"{folder}/mlflow.db")
            os.replace(f"{folder}/mlflow.db", database)


def artifact_location(runs_dir: Path) -> str:
    """Where the default store keeps artefacts."""
    return (runs_dir.resolve() / "mlartifacts").as_uri()


def configured_uri() -> str | None:
    """The store that the user chose, None for the default one."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or None
    if uri is not None:
        remember_address(uri)
    return uri


def existing(runs_dir: Path) -> str:
    """The address of the store that there is, to be read.

    Args:
        runs_dir: where the local store lies, unless ``MLFLOW_TRACKING_URI`` names another one.

    Raises:
        InputError: there is no local store, or the server does not answer.
    """
    uri = configured_uri()
    if uri is None:
        if not (runs_dir / "mlflow.db").is_file():
            raise InputError(
                f"{runs_dir} holds no MLflow store (mlflow.db): name the runs folder "
                "(runs_dir=…), or a server by MLFLOW_TRACKING_URI"
            )
        return open_local(runs_dir)
    if is_server(uri) and not answers(uri):
        raise InputError(
            f"the MLflow server {public_uri(uri)} does not answer: start it, or mend the URI"
        )
    return uri


def recorded_address(key: str, runs_dir: Path) -> tuple[str | None, str]:
    """The address of a store that a run's record names; None and the reason, where it is not here.

    Args:
        key: of the record (:func:`recsys.tracking.record.read`).
        runs_dir: where the local store lies.
    """
    if key == record.LOCAL:
        there = (runs_dir / "mlflow.db").is_file()
        return (open_local(runs_dir), "") if there else (None, " (mlflow.db is not there)")
    configured = configured_uri()
    if configured is not None and public_uri(configured) == key:
        key = configured  # with its password
    if is_server(key) and not answers(key):
        return None, " (it does not answer)"
    return key, ""


def page_command(runs_dir: Path, run_folder: Path) -> str:
    """What to type, or to open in a browser, to see a run where it was logged last."""
    uri, runs = configured_uri(), record.read(run_folder)
    if next(reversed(runs), None) == record.LOCAL:
        uri = None  # whatever server is named: it refused the run, or fell silent
    if uri and is_server(uri):
        address = public_uri(uri)
        return f"{address.rstrip('/')}/#/runs/{runs[address]}" if address in runs else address
    # The environment need not be activated: then its programs are not on the path.
    program = "mlflow" if shutil.which("mlflow") else str(Path(sys.executable).with_name("mlflow"))
    if uri and redact(uri) != uri:
        return f'{shlex.quote(program)} ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    return shlex.join([program, "ui", "--backend-store-uri", uri or local_uri(runs_dir)])


def is_server(uri: str) -> bool:
    """Whether runs are sent over the network, where there may be no answer."""
    return uri.startswith(("http://", "https://"))


def public_uri(uri: str) -> str:
    """The address without user name, password and other secrets, fit for messages and files."""
    return shown_address(uri).replace(f"{HIDDEN}@", "", 1)


def answers(uri: str) -> bool:
    """Asks a server once whether it is there; any HTTP answer counts.

    A thread bounds the whole attempt: a socket time-out alone does not cover
    the name look-up, nor an answer that trickles in.
    """
    answered = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(
                f"{public_uri(uri).rstrip('/')}/health", timeout=PROBE_SECONDS
            ):
                answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, ValueError):
            pass

    probe = threading.Thread(target=ask, daemon=True)
    probe.start()
    probe.join(PROBE_SECONDS)
    return answered.is_set()


def asks_who_it_is(error: Exception) -> str | None:
    """What to do about a server with authentication; None for any other error of MLflow's."""
    status = getattr(error, "get_http_status_code", lambda: None)()
    if status == HTTPStatus.UNAUTHORIZED:
        return (
            "asks for a user name and a password, or does not know these: set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if status == HTTPStatus.FORBIDDEN:
        user = os.environ.get("MLFLOW_TRACKING_USERNAME")
        return (
            f"does not let {f'the user {user}' if user else 'this user'} do that: "
            "its administrator gives permissions"
        )
    return None


def prepare_environment() -> None:
    """Sets what MLflow reads from the environment when it is imported, and quiets its import.

    What the user has set stays. By default MLflow sends telemetry, reports the
    migrations of a new SQLite store line by line, and tries an unreachable
    server for minutes.
    """
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    # In a notebook without Jupyter's widgets; no bar of MLflow is shown anyway.
    warnings.filterwarnings("ignore", message="IProgress not found")


@contextlib.contextmanager
def active_store(uri: str) -> Iterator[None]:
    """Makes a store MLflow's global one, for the calls that take no address.

    ``mlflow.set_tracking_uri`` also writes ``MLFLOW_TRACKING_URI``, which the
    next run in this process would take for the user's choice.
    """
    import mlflow

    variable = os.environ.get("MLFLOW_TRACKING_URI")
    previous = mlflow.get_tracking_uri() if mlflow.tracking.is_tracking_uri_set() else ""
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(previous)
        if variable is None:
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        else:
            os.environ["MLFLOW_TRACKING_URI"] = variable
