"""What the processor offers."""

from functools import cache
from pathlib import Path

DESCRIPTION = Path("/proc/cpuinfo")


@cache
def instructions() -> frozenset[str]:
    """The names of its sets of instructions, as Linux has them; none elsewhere."""
    try:
        lines = DESCRIPTION.read_text().splitlines()
    except OSError:
        return frozenset()
    offered = next((line for line in lines if line.startswith(("flags", "Features"))), ":")
    return frozenset(offered.split(":", 1)[1].split())


def has_instructions(name: str) -> bool:
    """Whether the processor is known to have a set of instructions.

    Args:
        name: as Linux has it, such as ``avx2``.
    """
    return name in instructions()
