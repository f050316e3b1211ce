"""The versions that are served: verified, loaded, warmed up, and swapped while requests go on."""

import gc
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import InputError
from recsys.export.recommend import Recommender
from recsys.serving.catalogue import Catalogue, item_ids
from recsys.serving.errors import RequestError
from recsys.serving.log import log_event
from recsys.serving.metrics import Metrics
from recsys.serving.source import Source
from recsys.system.memory import return_freed

# Of a folder's files: name, size and time of change. Another state may be another model.
State = tuple[tuple[str, int, int], ...]
WARM_UP_CALLS = 2


@dataclass(frozen=True)
class Version:
    """A version that answers.

    Attributes:
        number: as its folder is called.
        recommender: the SavedModel.
        catalogue: its items, to be searched.
        state: of the folder as it was read.
    """

    number: str
    recommender: Recommender
    catalogue: Catalogue
    state: State

    @property
    def signatures(self) -> Mapping[str, Any]:
        """As the manifest describes them."""
        return self.recommender.manifest["signatures"]


@dataclass(frozen=True)
class _Served:
    """What is served at one moment."""

    newest: Version
    by_number: Mapping[str, Version]


class Versions:
    """The newest version of a source, and those that have a label.

    A request that has begun keeps the version that it began with.

    Args:
        source: of them.
        labels: version by label.
        metrics: are told of every change.

    Raises:
        InputError: no version can be served, or one of a label cannot.
    """

    def __init__(self, source: Source, labels: Mapping[str, str], metrics: Metrics) -> None:
        self._source, self.labels, self._metrics = source, dict(labels), metrics
        self._refused: dict[str, State] = {}
        self._seen: dict[str, State] = {}
        self._trouble = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._served = self._first()
        self._publish(self._served)

    @property
    def newest(self) -> Version:
        """What is asked where a request names no version."""
        return self._served.newest

    @property
    def all(self) -> list[Version]:
        """Everything that is loaded, oldest first."""
        return sorted(self._served.by_number.values(), key=lambda each: int(each.number))

    def get(self, number: str | None = None, label: str | None = None) -> Version:
        """The version that a request names.

        Raises:
            RequestError: it is not served.
        """
        served = self._served
        if label is not None:
            if label not in self.labels:
                raise RequestError("there is no version of that label", 404)
            number = self.labels[label]
        if number is None:
            return served.newest
        if number not in served.by_number:
            have = ", ".join(sorted(served.by_number, key=int))
            raise RequestError(f"that version is not served: {have} is", 404)
        return served.by_number[number]

    def watch(self, seconds: float) -> None:
        """Looks for another version again and again, in a thread, until :meth:`close`."""

        def look() -> None:
            is_new = False
            while not self._stop.wait(seconds):
                if is_new:  # by now nothing asks the version before, which a cycle holds
                    gc.collect()
                    return_freed()
                try:
                    is_new = self.refresh()
                except Exception as error:  # such as a folder that goes as it is looked at
                    self._say_trouble(error)

        self._watcher = threading.Thread(target=look, name="versions", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Ends the watching."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join(timeout=5)

    def refresh(self) -> bool:
        """Publishes what is new, and says whether anything was.

        What cannot be served leaves all as it is, and is said once. A folder is read when two
        looks after one another find the same files: before, it may be half copied.
        """
        with self._lock:
            try:
                found = dict(self._source.versions())
            except Exception as error:
                self._say_trouble(error)
                return False
            served = self._served
            newest = next(self._usable(found), served.newest)
            by_number = {newest.number: newest}
            for number in self.labels.values():
                labelled = self._current(number, found)
                by_number[number] = labelled or served.by_number[number]
            self._trouble = ""
            self._metrics.refused.set(len(self._refused))
            if newest is served.newest and by_number == served.by_number:
                return False
            self._served = _Served(newest, by_number)
            self._publish(served)
        return True

    def _first(self) -> _Served:
        found = dict(self._source.versions())
        reasons: list[str] = []
        newest = None
        for number in _newest_first(found):
            newest = self._try(number, found[number], reasons)
            if newest is not None:
                break
        if newest is None:
            raise InputError(reasons[0] if reasons else "there is no version that can be served")
        by_number = {newest.number: newest}
        for label, number in self.labels.items():
            if number not in found:
                raise InputError(
                    f"--label {label}={number}: there is no version {number} (there are: "
                    f"{', '.join(sorted(found, key=int))})"
                )
            labelled = by_number.get(number) or self._try(number, found[number], reasons)
            if labelled is None:
                raise InputError(f"--label {label}={number}: {reasons[-1]}")
            by_number[number] = labelled
        return _Served(newest, by_number)

    def _usable(self, found: Mapping[str, Path]) -> Iterator[Version]:
        for number in _newest_first(found):
            version = self._current(number, found)
            if version is not None:
                yield version

    def _current(self, number: str, found: Mapping[str, Path]) -> Version | None:
        """A version as its folder is now; as it was, where that cannot be read (yet)."""
        loaded = self._served.by_number.get(number)
        if number not in found:
            return None
        state = _state(found[number])
        if loaded is not None and loaded.state == state:
            self._refused.pop(number, None)
            return loaded
        if self._refused.get(number) == state:
            return loaded
        if self._seen.get(number) != state:
            self._seen[number] = state
            return loaded
        return self._try(number, found[number], []) or loaded

    def _try(self, number: str, folder: Path, reasons: list[str]) -> Version | None:
        state = _state(folder)
        try:
            version = load_version(number, folder, state)
        except Exception as error:
            self._refused[number] = state
            reason = _reason(error)
            reasons.append(reason)
            self._metrics.reloads.labels("refused").inc()
            log_event("version_refused", logging.WARNING, version=number, reason=reason)
            return None
        self._refused.pop(number, None)
        return version

    def _publish(self, before: _Served) -> None:
        self._metrics.reloads.labels("published").inc()
        self._metrics.newest.set(int(self.newest.number))
        self._metrics.refused.set(len(self._refused))
        served = ",".join(each.number for each in self.all)
        before_it = "none" if before is self._served else before.newest.number
        log_event("published", newest=self.newest.number, before=before_it, served=served)

    def _say_trouble(self, error: Exception) -> None:
        reason = _reason(error)
        if reason != self._trouble:
            self._trouble = reason
            log_event("versions_unknown", logging.WARNING, reason=reason)


def load_version(number: str, folder: Path, state: State | None = None) -> Version:
    """Verifies, loads and warms up a version.

    Args:
        number: as its folder is called.
        folder: its own.
        state: of the folder before it was read; None: as it is now.

    Raises:
        InputError: a file of it is not what was exported.
        Exception: TensorFlow cannot load it, or one of its signatures does not answer.
    """
    began = time.monotonic()
    state = _state(folder) if state is None else state
    recommender = Recommender(folder)
    files = recommender.manifest["files"]
    size = sum(each["bytes"] for each in files.values())
    log_event("verified", version=number, files=len(files), bytes=size)
    for signature, described in recommender.manifest["signatures"].items():
        blank = {name: _blank(spec) for name, spec in described["inputs"].items()}
        for _ in range(WARM_UP_CALLS):  # the first traces, the second runs what was traced
            recommender.call(signature, blank)
    titles = {item: recommender.titles.get(item, item) for item in item_ids(recommender)}
    log_event("loaded", version=number, seconds=time.monotonic() - began)
    return Version(number, recommender, Catalogue(titles), state)


def _blank(spec: Mapping[str, Any]) -> np.ndarray:
    """One row of an input with one value, which is missing."""
    sizes = [1 if size is None else size for size in spec["shape"]]
    if spec["dtype"] == "string":
        return np.full(sizes, "", object)
    return np.zeros(sizes, spec["dtype"])


def _newest_first(numbers: Mapping[str, Any]) -> list[str]:
    return sorted(numbers, key=int, reverse=True)


def _state(folder: Path) -> State:
    found = []
    for file in sorted(folder.rglob("*")):
        try:
            stat = file.stat()
        except OSError:  # it went while the folder was looked at
            continue
        if file.is_file():
            found.append((file.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _reason(error: Exception) -> str:
    """What went wrong, in a line."""
    if isinstance(error, InputError):
        return str(error)
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:200] if said else ''}"
