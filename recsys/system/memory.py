"""How much main memory is free, of the machine and of the container that this process runs in.

A container's limit is that of a control group. What the kernel takes for used there includes
copies of files, which it gives up before it refuses memory or kills a process; so they count as
free, as they do in the machine's own ``MemAvailable``. Sources: the kernel's *Control Group v2*
(``memory.max``, ``memory.high``, ``memory.current``, ``memory.stat``), *Memory Resource Controller*
(version 1: ``memory.limit_in_bytes``, ``memory.usage_in_bytes``), ``proc_pid_mountinfo(5)`` and
``cgroups(7)``.
"""

import contextlib
import ctypes
import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class MainMemory:
    """Main memory that a process may use, in bytes.

    Attributes:
        total: the machine's, or the least limit of a container around the process.
        free: what could be taken now without anything being killed for it.
    """

    total: int
    free: int


@dataclass(frozen=True)
class _Controller:
    """The files of a version of control groups that hold memory figures.

    Attributes:
        limits: each holds bytes, or a word where there is none. Above ``memory.high`` a process is
            not killed, but slowed to a standstill.
        used: bytes in use, of the group and of all within it.
        reclaimable: keys of ``memory.stat``, likewise of all within it.
    """

    limits: tuple[str, ...]
    used: str
    reclaimable: tuple[str, ...]


# By the type of their file system.
_CONTROLLERS = {
    "cgroup": _Controller(
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
    "cgroup2": _Controller(
        ("memory.max", "memory.high"),
        "memory.current",
        ("inactive_file", "active_file", "slab_reclaimable"),
    ),
}


def main_memory(root: Path = Path("/")) -> MainMemory:
    """Reads what there is and what is free, now.

    Args:
        root: where ``proc`` and the control groups' files are looked for.

    Returns:
        The machine's memory, less where a control group of this process, or one around it, allows
        less or has used up more.

    >>> memory = main_memory()
    >>> 0 <= memory.free <= memory.total
    True
    """
    import psutil

    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    for kind, folder in _groups(root):
        controller = _CONTROLLERS[kind]
        try:
            used = int((folder / controller.used).read_text())
            lines = (folder / "memory.stat").read_text().splitlines()
            parts = dict(line.split(maxsplit=1) for line in lines)
            used -= sum(int(parts.get(key, 0)) for key in controller.reclaimable)
        except (OSError, ValueError):
            continue  # the root of all groups, which has no limit
        for limit in (_limit(folder / name) for name in controller.limits):
            if limit is not None:
                total, free = min(total, limit), min(free, limit - used)
    return MainMemory(total, max(free, 0))


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _groups(root: Path) -> Iterator[tuple[str, Path]]:
    """The folders of this process's control groups for memory and of those around them.

    Yields:
        The type of their file system, and a folder.
    """
    paths = _paths(root)
    for kind, top, point in _mounts(root):
        if kind not in paths:
            continue
        path = PurePosixPath(paths[kind])
        # A container may see its own group alone, and not by the name that the machine has for it.
        inside = path.is_relative_to(top) and ".." not in path.parts
        below = path.relative_to(top) if inside else PurePosixPath()
        mounted = root / point.lstrip("/")
        for level in (below, *below.parents):
            yield kind, mounted / level


def _paths(root: Path) -> dict[str, str]:
    """By type of file system, the group of this process that governs memory."""
    paths = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            paths["cgroup2"] = path
        elif "memory" in controllers.split(","):
            paths["cgroup"] = path
    return paths


def _mounts(root: Path) -> Iterator[tuple[str, str, str]]:
    """Where groups that govern memory are mounted: type, group at the top, mount point."""
    for line in _lines(root / "proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(maxsplit=2)
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            _, _, _, top, point, *_ = (_unescaped(field) for field in left.split())
            yield kind, top, point


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # another system than Linux, or a sandbox that hides them
        return []


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def return_freed() -> None:
    """Gives what was freed back to the system, where glibc would keep it for itself."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def resident_memory() -> int:
    """Bytes of this process that are resident now."""
    import psutil

    return psutil.Process().memory_info().rss


def peak_memory() -> int:
    """Bytes of this process that were resident at most.

    What ``getrusage`` says on Linux may be the peak of the process that started this one: it is
    handed on by ``exec``.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
