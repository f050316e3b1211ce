"""What is measured, and on what: the commit, the device, who else uses it."""

import os
import platform
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
# In a packed folder, which is no checkout.
COMMIT_FILE = REPOSITORY / "COMMIT"


def commit() -> str:
    """The commit of the code; with ``+changes`` where something of it is not committed."""
    if COMMIT_FILE.is_file():
        return COMMIT_FILE.read_text().strip()
    found = _said("git", "-C", str(REPOSITORY), "rev-parse", "HEAD")
    changed = _said(
        "git", "-C", str(REPOSITORY), "status", "--porcelain", "--", "recsys", "scripts/benchmark"
    )
    return f"{found or 'unknown'}{'+changes' if changed else ''}"


def gpu() -> dict[str, str] | None:
    """Name, driver and memory of the first GPU of NVIDIA's; None: there is none."""
    said = _query("gpu", "name,driver_version,memory.total,memory.used")
    if not said:
        return None
    names = ("name", "driver", "memory", "memory_used_before")
    return dict(zip(names, said[0].split(", "), strict=True))


def device() -> dict[str, str]:
    """The GPU, or the processor of a machine without one."""
    return gpu() or {"name": f"cpu: {_processor()}, {os.cpu_count()} cores"}


def processes_on_gpu() -> int | None:
    """How many compute on the GPU; None: that is not told."""
    said = _query("compute-apps", "pid")
    return None if said is None else len(said)


def _query(what: str, fields: str) -> list[str] | None:
    said = _said("nvidia-smi", f"--query-{what}={fields}", "--format=csv,noheader")
    return None if said is None else said.splitlines()


def _said(*command: str) -> str | None:
    """What a program prints; None: it is not there, or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
