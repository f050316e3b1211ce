"""Measures the stages of a run, and keeps what they took in its folder (``stages.json``)."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from recsys.runs.events import StageBegan, StageEnded, emit
from recsys.runs.folder import RunFolder
from recsys.system.memory import peak_memory

GIB = 2**30


class Stages:
    """The stages of one run, which programs hear of as they begin and end.

    Training is not kept here: its seconds are counted over all processes that were at it
    (``training.json``).

    Args:
        folder: of the run.
        seed: of the run.
    """

    def __init__(self, folder: RunFolder, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._measured: dict[str, dict[str, Any]] = {}

    @contextlib.contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """Measures what is done within it; :meth:`write` keeps that.

        Args:
            stage: a key of :data:`recsys.reports.stages.STAGES`.
        """
        run, began = str(self._folder.path), time.monotonic()
        emit(StageBegan(run=run, seed=self._seed, stage=stage))
        yield
        seconds, peak = time.monotonic() - began, peak_memory() / GIB
        emit(
            StageEnded(run=run, seed=self._seed, stage=stage, seconds=seconds, peak_memory_gib=peak)
        )
        self._measured[stage] = {"seconds": seconds, "peak_memory_gib": peak}

    def write(self) -> None:
        """Writes what was measured since the last time beside what the file has.

        A log that this process found prepared takes nothing from what its preparation took.
        """
        folder = self._folder
        is_whole = folder.files.hold(folder.stages)
        known = folder.files.read(folder.stages) if is_whole else {}
        new = {name: each for name, each in self._measured.items() if name != "train"}
        if "prepare" in known:
            new.pop("prepare", None)
        if new or (folder.stages.is_file() and not is_whole):
            with folder.files.making(folder.stages):
                folder.write_json(folder.stages, known | new)
