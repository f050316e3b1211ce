"""Python programs in processes of their own that need not import a backend again.

Importing TensorFlow takes longer than most of what the tests do with it. So one server a kind of
environment imports what such programs need, computes nothing, and forks for each of them. All
workers of a test session, and the programs themselves, share it.

Run as a program (``python -m tests.processes KIND``) it is that server.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from recsys.system.files import locked
from recsys.system.lean_keras import lean_keras

REPOSITORY = Path(__file__).parents[1]
# A variable with which a program that may be killed starts its exports itself.
OWN_EXPORTS = "TESTS_OWN_EXPORTS"
BACKENDS = ("tensorflow", "jax")
# The folder of a session, whose first file names its process: in it are the servers' sockets.
SHARED = "TESTS_SHARED"
OWNER = "owner"
RUN = ("recsys.pipeline", "recsys.api.training", "recsys.cli", "mlflow.tracking")
# By kind: what it imports beforehand, and in which environment. The export is TensorFlow's with
# Keras 2, which TFRS needs.
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "tensorflow": (
        ("recsys.training.step_tensorflow", *RUN),
        {"KERAS_BACKEND": "tensorflow"},
    ),
    "jax": (("recsys.training.step_jax", *RUN), {"KERAS_BACKEND": "jax"}),
    "export": (
        ("recsys.export.process",),
        {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "1"},
    ),
}


def run_python(
    kind: str, *command: str, cwd: Path = REPOSITORY, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What ``python COMMAND`` does, as ``subprocess.run`` says it.

    Args:
        kind: a key of :data:`KINDS`: a backend, or ``export``.
        command: ``-c PROGRAM``, ``-m MODULE`` or ``SCRIPT``, and its arguments.
        cwd: the working directory.
        environment: variables that differ from this process's. Those that a library reads when
            it is imported are read before: they are those of the kind.
    """
    with tempfile.TemporaryDirectory() as folder:
        stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
        request = {
            "command": command,
            "cwd": str(cwd),
            "environment": {**os.environ, **KINDS[kind][1], **environment},
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        returncode = _ask(kind, request)
        said = stdout.read_text(), stderr.read_text()
    return subprocess.CompletedProcess(command, returncode, *said)


def _ask(kind: str, request: dict) -> int:
    with _connected(kind) as connection, connection.makefile("rw") as stream:
        stream.write(json.dumps(request) + "\n")
        stream.flush()
        return int(stream.readline())


def _connected(kind: str) -> socket.socket:
    """A connection to the server of a kind, which the first one starts."""
    folder = Path(os.environ[SHARED])
    address, log = folder / kind, folder / f"{kind}.log"
    with locked(address):
        if not address.exists():
            with open(log, "w") as output:
                server = subprocess.Popen(
                    [sys.executable, "-m", "tests.processes", kind],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=REPOSITORY,
                    env={**os.environ, **KINDS[kind][1], "PYTHONPATH": str(REPOSITORY)},
                    start_new_session=True,  # a signal to those who asked is not meant for it
                )
            while not address.exists():
                assert server.poll() is None, log.read_text()[-3000:]
                time.sleep(0.1)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(address))
    return connection


def forked_export(
    command: Sequence[str], *, input: bytes = b"", **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """What ``recsys.export.export`` gives ``subprocess.run``, by the server of exports.

    Nothing ends such a process with the one that asked for it, so where that is killed, the real
    one is needed. It is taken, too, where classes of a user's own travel.
    """
    if input:
        return subprocess.run(command, input=input, **options)
    done = run_python("export", *command[1:])
    said = done.stdout.encode(), done.stderr.encode()
    return subprocess.CompletedProcess(command, done.returncode, *said)


@contextlib.contextmanager
def exports_by_fork() -> Iterator[None]:
    """Within it, exports are forks of a process that has imported TensorFlow already."""
    stand_in = SimpleNamespace(run=forked_export)
    with mock.patch("recsys.export.export.subprocess", stand_in):
        yield


def _serve(kind: str) -> None:
    """Forks for those who ask, for as long as the session lives."""
    folder = Path(os.environ[SHARED])
    owner = int((folder / OWNER).read_text())
    with lean_keras():
        importlib.import_module("keras")
    for module in KINDS[kind][0]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what forks share is not searched for garbage, and so not copied, in each of them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / f"{kind}.begun"))
        listener.listen()
        listener.settimeout(1)
        (folder / f"{kind}.begun").rename(folder / kind)
        while folder.is_dir() and _lives(owner):
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            if not os.fork():
                listener.close()
                os._exit(_answer(connection))
            connection.close()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(connection: socket.socket) -> int:
    """Runs what is asked for in a fork, which may be killed, and says how it ended."""
    connection.settimeout(None)
    with connection.makefile("rw") as stream:
        request = json.loads(stream.readline())
        child = os.fork()
        if not child:
            os._exit(_run(request))
        _, status = os.waitpid(child, 0)
        stream.write(f"{os.waitstatus_to_exitcode(status)}\n")
    return 0


def _run(request: dict) -> int:
    """Runs a program in this process, which is a fork, and returns its exit status."""
    for number, stream in enumerate(("stdin", "stdout", "stderr")):
        path, mode = (os.devnull, "r") if stream == "stdin" else (request[stream], "w")
        opened = open(path, mode)  # noqa: SIM115 — for as long as the process lives
        os.dup2(opened.fileno(), number)
        setattr(sys, stream, opened)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    status = 0
    forks = "recsys.pipeline" in sys.modules and OWN_EXPORTS not in os.environ
    try:
        with exports_by_fork() if forks else contextlib.nullcontext():
            _execute(request["command"])
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else int(bool(stopped.code))
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _execute(command: Sequence[str]) -> None:
    first, *rest = command
    if first == "-c":
        program, *arguments = rest
        sys.argv = ["-c", *arguments]
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    elif first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(command)
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    _serve(sys.argv[1])
