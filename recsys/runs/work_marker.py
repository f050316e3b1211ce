"""What a run's folder tells of the process that was last at work in it, if that came to no end."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recsys.system import stopping
from recsys.system.files import atomic_path
from recsys.system.redaction import redact

FILE = "at_work.json"


@dataclass(frozen=True)
class WorkMarker:
    """That a process is at work in a run, or was and came to no end.

    Attributes:
        began: when it began, ISO 8601 in UTC.
        error: what made it fail; None while it works, and where it was interrupted (Ctrl-C, a
            kill, a power cut).
    """

    began: str
    error: str | None


@contextlib.contextmanager
def marked(run: Path) -> Iterator[None]:
    """Keeps ``at_work.json`` in a run's folder until the work in it came to its end.

    Args:
        run: its folder, which is there and locked.
    """
    file, began = run / FILE, datetime.now(UTC).isoformat(timespec="seconds")
    _write(file, WorkMarker(began, None))
    try:
        yield
    except Exception as error:
        if stopping.asked() is None:
            # The disk may be full, which is what is told then.
            with contextlib.suppress(OSError):
                _write(file, WorkMarker(began, redact(str(error)) or type(error).__name__))
        raise
    file.unlink(missing_ok=True)


def read_marker(run: Path) -> WorkMarker | None:
    """The marker in a run's folder; None: whatever was asked of the run came to its end.

    A file that cannot be read is that of a run that was interrupted.

    Args:
        run: its folder.
    """
    try:
        found = json.loads((run / FILE).read_text(encoding="utf-8"))
        error = found["error"]
        return WorkMarker(str(found["began"]), None if error is None else str(error))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return WorkMarker("", None)


def _write(file: Path, marker: WorkMarker) -> None:
    """An error may name a user, so that its owner alone reads it."""
    with atomic_path(file, private=True) as temporary:
        temporary.write_text(json.dumps(vars(marker), ensure_ascii=False), encoding="utf-8")
