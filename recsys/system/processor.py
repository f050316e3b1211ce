"""What the processor is, and what it offers."""

import platform
from functools import cache
from pathlib import Path

DESCRIPTION = Path("/proc/cpuinfo")
# By the name of Linux, the widest first.
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}


@cache
def instructions() -> frozenset[str]:
    """The names of its sets of instructions, as Linux has them; none elsewhere."""
    return frozenset((_described("flags", "Features") or "").split())


def has_instructions(name: str) -> bool:
    """Whether the processor is known to have a set of instructions.

    Args:
        name: as Linux has it, such as ``avx2``.
    """
    return name in instructions()


def processor_name() -> str:
    """The kind of processor, with its widest vectors, such as ``AMD EPYC, AVX-512``."""
    name = _described("model name") or platform.processor() or platform.machine()
    widest = next((shown for each, shown in VECTORS.items() if has_instructions(each)), None)
    return f"{name}, {widest}" if widest else name


def _described(*keys: str) -> str | None:
    """What Linux says of the first core; None elsewhere."""
    try:
        lines = DESCRIPTION.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(keys)), ":")
    return found.split(":", 1)[1].strip() or None
