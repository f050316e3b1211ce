"""Files that are written in whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling that takes the place of ``path`` when all went well.

    The temporary name ends as the real one does, for writers that go by the
    ending. After an exception (a full disk, say) nothing is left of it, and
    ``path`` is as it was.

    Args:
        path: the file to write; its folder must be there.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
