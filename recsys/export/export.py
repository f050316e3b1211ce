"""Starts an export, in a process of its own.

TensorFlow Recommenders imports only where ``TF_USE_LEGACY_KERAS=1`` was set
before anything touched ``tf.keras``, and a process cannot change its Keras
backend. So the export is a process of its own (:mod:`recsys.export.process`),
whatever backend trained the retriever.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import recsys
from recsys.errors import ExportError, InputError
from recsys.export.lifeline import LIFELINE, lifeline
from recsys.export.own_parts import packed
from recsys.export.request import ExportRequest
from recsys.system.files import draft_folder, remove_drafts


def require_retrieval_layers() -> None:
    """Refuses, before any work, what could not be exported.

    Raises:
        InputError: TensorFlow Recommenders is not installed, as on a Mac.
    """
    if find_spec("tensorflow_recommenders") is None:
        raise InputError(
            "the export needs tensorflow-recommenders, which is not installed (on a Mac it asks "
            "for a TensorFlow that is long abandoned, and works without): "
            "pip install --no-deps tensorflow-recommenders"
        )


def export_in_subprocess(request: ExportRequest) -> dict[str, Any]:
    """Exports in a fresh process and returns the artefact's manifest.

    The SavedModel appears at ``request.destination`` only after it was loaded
    back and found equal to the model that was trained and evaluated, and within
    its budget; until then nothing is there (or what was there before).

    Raises:
        InputError: what the exporting process found wrong with its input.
        ExportError: the process failed otherwise, or the gate refused;
            the message carries its own.
    """
    return in_subprocess("recsys.export.process", request, request.model_folder, request.retriever)


def in_subprocess(
    module: str, request: BaseModel, scratch: Path, retriever: Path
) -> dict[str, Any]:
    """Exports by a program of its own and returns what it wrote as the manifest.

    Args:
        module: the program, which is given files of a request and of a reply
            (:func:`recsys.export.process.reply`).
        request: what it is asked for.
        scratch: a folder in which the two files are written.
        retriever: the trained model, whose classes the program needs.

    Raises:
        InputError, ExportError: see :func:`export_in_subprocess`.
    """
    with draft_folder(scratch / "export") as folder, lifeline() as pipe:
        request_file, reply_file = folder / "request.json", folder / "reply.json"
        request_file.write_text(_absolute(request).model_dump_json())
        files = [str(file.absolute()) for file in (request_file, reply_file)]
        try:
            process = subprocess.run(
                [sys.executable, "-m", "recsys.system.lean_keras", module, *files],
                env=child_environment() | {LIFELINE: str(pipe)},
                pass_fds=[pipe],
                input=packed(retriever),
                capture_output=True,
            )
        except BaseException:  # a signal, say; the process was killed, and cannot clean up
            remove_drafts(scratch)
            raise
        if not reply_file.is_file():
            remove_drafts(scratch)
            lines = process.stderr.decode(errors="replace").strip().splitlines()
            raise ExportError(
                f"the exporting process ended with status {process.returncode} and no reply "
                "(killed for memory?). Its last lines:\n" + "\n".join(lines[-20:])
            )
        reply = json.loads(reply_file.read_text())
    if "input_error" in reply:
        raise InputError(reply["input_error"])
    if "error" in reply:
        raise ExportError(reply["error"])
    return reply["manifest"]


def _absolute(request: BaseModel) -> BaseModel:
    paths = {name: path.absolute() for name, path in request if isinstance(path, Path)}
    return request.model_copy(update=paths)


def child_environment() -> dict[str, str]:
    """The environment variables that the exporting process must be started with."""
    packages = [str(Path(recsys.__file__).resolve().parent.parent)]
    if os.environ.get("PYTHONPATH"):
        packages.append(os.environ["PYTHONPATH"])
    return os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": "1",
        # The graph of a recurrent layer traced beside a GPU would ask for one.
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "PYTHONPATH": os.pathsep.join(packages),
    }
