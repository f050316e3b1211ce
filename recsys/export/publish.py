"""All or nothing: a version's folder appears when it is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def published(destination: Path) -> Iterator[Path]:
    """A folder to write to, which takes the destination's place if all goes well.

    If anything is raised, it is removed, and what was at the destination stays.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(destination)
    previous = destination.with_name(f".{destination.name}.previous")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(previous, ignore_errors=True)
        if destination.exists():
            os.replace(destination, previous)
        os.replace(partial, destination)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def partial_of(destination: Path) -> Path:
    """Where a version is written; a process that is killed at it leaves it there."""
    # TensorFlow Serving looks only at folders with a number for a name.
    return destination.with_name(f".{destination.name}.partial")
