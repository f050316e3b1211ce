"""What a SavedModel takes: its size, and the memory and time of a process that asks it.

The process is a new one that imports TensorFlow alone: neither what trained the model nor what
exports it counts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from recsys.errors import ExportError
from recsys.system.manifests import files_in


class Footprint:
    """Measures a SavedModel. A context manager, in which a process gets ready meanwhile.

    Args:
        calls: queries that are timed, at most; 0: neither memory nor time is measured.
    """

    def __init__(self, calls: int) -> None:
        self._calls = calls
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if self._calls:
            # It imports TensorFlow, which takes seconds, and waits.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "recsys.export.footprint_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def measure(
        self, folder: Path, queries: Iterable[Mapping[str, np.ndarray]]
    ) -> dict[str, int | float]:
        """Measures a SavedModel whose files are all there, but for the manifest.

        Args:
            folder: its own.
            queries: inputs of ``serving_default``, a query each, which are asked in turn.

        Returns:
            ``size_bytes`` and, if they are measured: ``peak_memory_bytes``, of which
            ``tensorflow_bytes`` were there before the model; ``load_seconds``;
            ``latency_p50_ms`` and ``latency_p99_ms`` over ``calls`` queries, on so many ``cpus``.

        Raises:
            ExportError: the process failed.
        """
        found: dict[str, int | float] = {
            "size_bytes": sum(file.stat().st_size for file in files_in(folder))
        }
        if self._process is None:
            return found
        request = {
            "folder": str(folder.absolute()),
            "calls": self._calls,
            "queries": [
                {
                    name: {
                        "dtype": "string" if values.dtype == object else values.dtype.name,
                        "shape": values.shape,
                        "values": values.ravel().tolist(),
                    }
                    for name, values in query.items()
                }
                for query in queries
            ],
        }
        reply, said = self._process.communicate(json.dumps(request))
        if self._process.returncode:
            raise ExportError(
                f"the process that measures the SavedModel ended with status "
                f"{self._process.returncode} (killed for memory?). Its last lines:\n"
                + "\n".join(said.strip().splitlines()[-20:])
            )
        return {**found, **json.loads(reply)}
