"""Python programs in processes of their own that need not import a backend again.

Importing TensorFlow takes longer than most of what the tests do with it. So one server a kind of
environment imports what such programs need, computes nothing, and forks for each of them.

Run as a program (``python -m tests.processes MODULE …``) it is that server.
"""

import atexit
import contextlib
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from recsys.system.lean_keras import lean_keras

REPOSITORY = Path(__file__).parents[1]
# A variable with which a program that may be killed starts its exports itself.
OWN_EXPORTS = "TESTS_OWN_EXPORTS"
BACKENDS = ("tensorflow", "jax")
TRAINING = ("recsys.training.build", "recsys.training.fit", "recsys.evaluation.ranking")
RUN = ("recsys.pipeline", "recsys.api.training", "recsys.cli", "mlflow.tracking")
# By kind: what it imports beforehand, and in which environment. The export is TensorFlow's with
# Keras 2, which TFRS needs.
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "tensorflow": (
        ("recsys.training.step_tensorflow", *TRAINING),
        {"KERAS_BACKEND": "tensorflow"},
    ),
    "jax": (("recsys.training.step_jax", *TRAINING), {"KERAS_BACKEND": "jax"}),
    "run-tensorflow": (
        ("recsys.training.step_tensorflow", *RUN),
        {"KERAS_BACKEND": "tensorflow"},
    ),
    "run-jax": (("recsys.training.step_jax", *RUN), {"KERAS_BACKEND": "jax"}),
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
        kind: a key of :data:`KINDS`: of a backend, of whole runs on one, or ``export``.
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
        returncode = _server(kind)(request)
        said = stdout.read_text(), stderr.read_text()
    return subprocess.CompletedProcess(command, returncode, *said)


@cache
def _server(kind: str) -> Callable[[dict], int]:
    """Starts the server of a kind, once a process; it ends with the process that started it."""
    modules, variables = KINDS[kind]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.processes", *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, **variables, "PYTHONPATH": str(REPOSITORY)},
        text=True,
    )
    atexit.register(server.communicate)  # the end of its input ends it

    def ask(request: dict) -> int:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    return ask


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


def _serve(modules: Sequence[str]) -> None:
    with lean_keras():
        importlib.import_module("keras")
    for module in modules:
        importlib.import_module(module)
    if "recsys.pipeline" in modules:
        _server("export")  # which the forks share: one of them is at work at a time
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(_run(request))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


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
    _serve(sys.argv[1:])
