"""What happens to files: ways to damage one, each as a function of its path."""

from collections.abc import Callable
from pathlib import Path


def flip(path: Path) -> None:
    """Turns one bit in the middle round."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    """Puts something else of the same size in its place."""
    path.write_bytes(b"\xff\x00" * (path.stat().st_size // 2 + 1))


DAMAGES: list[Callable[[Path], None]] = [flip, truncate, empty, garble]
