"""What a run tells MLflow while it goes on."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import recsys.tracking.store as store
from recsys.errors import InputError
from recsys.system.display import printable
from recsys.system.redaction import redact
from recsys.system.stopping import STATUSES
from recsys.tracking import checkpoint, models, record
from recsys.tracking.config import TrackingConfig
from recsys.tracking.run import MARK_TAG, PARENT_TAG, Run, flatten, to_metrics

if TYPE_CHECKING:
    from mlflow.entities import Metric

logger = logging.getLogger(__name__)

GIT_TAGS = "mlflow.source.git."
# Metrics wait this long for others to share a request with.
FLUSH_SECONDS = 1.0


class Tracker(Protocol):
    """Receives what a run measures and makes. A context manager that ends the run."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Logs the numbers in flat or nested mappings, at a step (an epoch)."""

    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: Path,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Records which prepared dataset the run reads, with what a person wants to know of it."""

    def log_artifact(self, path: Path) -> None:
        """Keeps a file or a folder with the run."""

    def log_checkpoint(self, file: Path, epoch: int, measured: bool) -> None:
        """Records the weights that a training kept as a model of MLflow's, which ranks them.

        Args:
            file: of the weights, which stay where they are.
            epoch: after which they were kept.
            measured: whether what the run logged of that epoch are metrics of these weights.
        """

    def log_model(self, folder: Path, input_example: Mapping[str, list]) -> None:
        """Logs and registers a SavedModel, or a model of a kind that a package adds.

        What the run logged of the test part are its metrics.

        Args:
            folder: its own.
            input_example: a list per input, with a value per request: of ``serving_default``
                ``{"history": [["a", "b"]], "user_id": ["u"]}``.
        """

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets or replaces facts to find the run by."""

    def flush(self) -> None:
        """Sends what is waiting. Call it when a checkpoint is written."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def start(
    config: TrackingConfig,
    run_folder: Path,
    runs_dir: Path,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    parent: Path | None = None,
) -> Tracker:
    """Starts the MLflow run of a run folder, or continues it.

    Args:
        config: the experiment's ``tracking`` section.
        run_folder: keeps the MLflow run's id, so that a continued run appends.
        runs_dir: holds the default store, ``mlflow.db`` and ``mlartifacts/``.
        name: of the run.
        params: the resolved experiment; logged flattened, and whole as
            ``experiment.yaml``.
        tags: further facts to find the run by.
        parent: folder of a run that has been started; MLflow shows this one under it.

    Raises:
        InputError: ``MLFLOW_TRACKING_URI`` names a store that cannot be opened
            (a server that does not answer is not an error: the run is then logged locally).
    """
    if not config.enabled:
        return NoTracker()
    return MlflowTracker(config, run_folder, runs_dir, name, params, tags or {}, parent)


class NoTracker:
    """Tracking switched off: every call does nothing."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        pass

    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: Path,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        pass

    def log_artifact(self, path: Path) -> None:
        pass

    def log_checkpoint(self, file: Path, epoch: int, measured: bool) -> None:
        pass

    def log_model(self, folder: Path, input_example: Mapping[str, list]) -> None:
        pass

    def set_tags(self, tags: Mapping[str, str]) -> None:
        pass

    def flush(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class MlflowTracker:
    """Logs to the server that the user chose while it answers, else to the local store.

    Tracking never ends a training: when a server falls silent, everything
    logged so far is written again into a run of the local store, and the run
    goes on there; what the local store does not take is a warning.
    """

    def __init__(
        self,
        config: TrackingConfig,
        run_folder: Path,
        runs_dir: Path,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        parent: Path | None,
    ) -> None:
        store.prepare_environment()
        self._config = config
        self._run_folder = run_folder
        self._runs_dir = runs_dir
        self._name = name
        self._tags = dict(tags)
        self._parent = parent
        self._journal: list[Callable[[Run], None]] = []
        self._waiting: list[Metric] = []
        self._flushed_at = 0.0
        self._monitor: Any = None
        self._terminate: Any = None
        self._run: Run | None = self._open()
        self._do(lambda run: run.log_params(flatten(params)))
        self._do(lambda run: run.client.log_dict(run.id, dict(params), "experiment.yaml"))

    def _open(self) -> Run:
        uri = store.configured_uri()
        if uri is None:
            return self._open_local()
        if not store.is_server(uri):
            return self._open_at(uri, store.public_uri(uri), None)
        if not store.answers(uri):
            self._say_local(uri, f"does not answer within {store.PROBE_SECONDS:.0f} s")
            return self._open_local()
        try:
            return self._open_at(uri, store.public_uri(uri), None)
        except Exception as error:
            reason = store.asks_who_it_is(error) or f"refuses the run ({_first_line(error)})"
            self._say_local(uri, reason)
            return self._open_local()

    def _open_local(self) -> Run:
        location = store.artifact_location(self._runs_dir)
        return self._open_at(store.local_uri(self._runs_dir), record.LOCAL, location)

    def _open_at(self, uri: str, key: str, artifacts: str | None) -> Run:
        """Continues the run that this store has of the run folder, or starts one."""
        from mlflow.tracking.context.registry import resolve_tags

        run_id = record.read(self._run_folder).get(key)
        mark, is_new = record.mark(self._run_folder)
        try:
            if key == record.LOCAL:
                store.open_local(self._runs_dir)
            run = Run.find(uri, run_id) if run_id else None
            if run is None and not is_new:
                run = Run.find_tagged(uri, self._config.experiment, MARK_TAG, mark)
            if run is not None:
                run.reopen()
            else:
                tags = resolve_tags(self._tags | self._parent_tag(key) | {MARK_TAG: mark})
                # MLflow looks beside the program that runs, which is recsys.
                tags = {name: tags[name] for name in tags if not name.startswith(GIT_TAGS)}
                run = Run.create(uri, self._config.experiment, artifacts, self._name, tags)
        except Exception as error:
            if store.is_server(uri) or isinstance(error, InputError):
                raise
            raise InputError(
                f"the MLflow store {store.public_uri(uri)} cannot be opened: "
                f"{_first_line(error)}. Mend it, or name another by MLFLOW_TRACKING_URI or "
                "--runs-dir; `tracking.enabled=false` runs without MLflow."
            ) from error
        record.remember(self._run_folder, key, run.id)
        return run

    def _parent_tag(self, key: str) -> dict[str, str]:
        """What nests the run, if this store holds the run that it belongs under."""
        found = record.read(self._parent).get(key) if self._parent else None
        return {PARENT_TAG: found} if found else {}

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Logs the numbers in flat or nested mappings, at a step (an epoch)."""
        self._waiting += to_metrics(metrics, step)
        if time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Sends what is waiting."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._do(lambda run: run.log_metrics(waiting))
        self._flushed_at = time.monotonic()

    def log_dataset(
        self,
        name: str,
        fingerprint: str,
        source: Path,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Records which prepared dataset the run reads."""
        self._do(lambda run: run.log_dataset(name, fingerprint, str(source), facts or {}))

    def log_artifact(self, path: Path) -> None:
        """Keeps a file or a folder with the run."""
        self._do(lambda run: run.log_artifact(path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Sets or replaces facts to find the run by."""
        if tags:
            self._do(lambda run: run.set_tags(tags))

    def log_checkpoint(self, file: Path, epoch: int, measured: bool) -> None:
        """Records the weights that a training kept (see :class:`Tracker`)."""
        self.flush()
        self._do(lambda run: checkpoint.log(run, file, epoch, measured))

    def log_model(self, folder: Path, input_example: Mapping[str, list]) -> None:
        """Logs and registers a model (see :class:`Tracker`)."""
        name = self._config.model_name or self._name.replace("/", "-").replace(":", "-")
        self.flush()
        kind = models.kind_of(folder)
        kind.check(folder)  # here, where what is wrong with it is not taken for the server's
        signature = kind.signature(input_example)
        registered = name if self._config.register_model else None
        example = kind.example(input_example)
        self._do(lambda run: models.log(run, folder, signature, example, registered))

    def _do(self, action: Callable[[Run], None]) -> None:
        """Sends now, and remembers how to send again to another store."""
        self._journal.append(action)
        if self._run is None:
            return
        try:
            action(self._run)
        except Exception as error:
            if store.is_server(self._run.uri):
                self._move_to_local(self._run.uri, error)
            else:
                _warn(error)

    def _move_to_local(self, uri: str, error: Exception) -> None:
        """Goes on in the local store, where everything so far is written again."""
        self._say_local(uri, f"stopped answering ({_first_line(error)})")
        self._run = None
        try:
            self._run = self._open_local()
        except (InputError, OSError) as failure:
            _warn(failure)
            return
        for action in self._journal:
            try:
                action(self._run)
            except Exception as failure:
                _warn(failure)

    def _say_local(self, uri: str, reason: str) -> None:
        address = store.public_uri(uri)
        logger.warning(
            "the MLflow server %s %s; this run is logged to %s. "
            "Send it later with: MLFLOW_TRACKING_URI=%s recsys upload %s",
            address, reason, self._runs_dir / "mlflow.db", address, self._run_folder,
        )  # fmt: skip

    def __enter__(self) -> Self:
        if self._config.system_metrics_interval:
            self._do(self._watch_system)
        self._watch_termination()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._terminate is not None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._monitor is not None:
            self._monitor.finish()
        self.flush()
        self._do(lambda run: run.finish(_status(error)))

    def _watch_system(self, run: Run) -> None:
        """Samples CPU, memory and GPU in a thread of MLflow's."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        self._monitor = SystemMetricsMonitor(
            run.id,
            sampling_interval=self._config.system_metrics_interval,
            resume_logging=True,
            tracking_uri=run.uri,
        )
        self._monitor.start()

    def _watch_termination(self) -> None:
        """Turns SIGTERM (Slurm, Docker) into an exit that ends the run as KILLED."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._terminate = signal.signal(signal.SIGTERM, _exit)


def _status(error: BaseException | None) -> str:
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "FINISHED"
    if isinstance(error, SystemExit):
        return "KILLED" if error.code in STATUSES else "FAILED"
    return "FAILED" if isinstance(error, Exception) else "KILLED"


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _warn(error: Exception) -> None:
    logger.warning("MLflow refused to log something; the run goes on: %s", _first_line(error))


def _first_line(error: Exception) -> str:
    said = redact(str(error).strip() or type(error).__name__)
    return printable(said.splitlines()[0], 300)
