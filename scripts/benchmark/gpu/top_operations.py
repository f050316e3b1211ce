"""The operations of a device that take longest, from a trace of JAX's profiler."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

MOST = 15


def traced(work: Callable[[], object], calls: int) -> list[str]:
    """What takes longest in some calls, a line each; see :func:`top`."""
    import jax
    from jax.profiler import ProfileData

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(calls):
                work()
        (file,) = Path(folder).rglob("*.xplane.pb")
        return top(ProfileData.from_file(str(file)).planes)


def top(planes: Iterable[Any]) -> list[str]:
    """The share of each operation in the time of all, its milliseconds and calls.

    Args:
        planes: of the trace. Kernels of GPUs stand in planes of their own, in a line a stream;
            without such a plane the operations of the host are taken.

    Returns:
        The :data:`MOST` that take longest, and what all others take.
    """
    planes = list(planes)
    nanoseconds: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    on_device = [plane for plane in planes if plane.name.startswith("/device:GPU")]
    for plane in on_device or planes:
        for line in plane.lines:
            if on_device and not line.name.startswith("Stream"):
                continue  # the same kernels again, by module or by operation
            for event in line.events:
                name = _operation(event, bool(on_device))
                if name is not None:
                    nanoseconds[name] += round(event.duration_ns)
                    calls[name] += 1
    whole = max(sum(nanoseconds.values()), 1)
    found = [
        f"{taken / whole:6.1%} {taken / 1e6:9.3f} ms {calls[name]:6d} × {name}"
        for name, taken in nanoseconds.most_common(MOST)
    ]
    rest = whole - sum(taken for _, taken in nanoseconds.most_common(MOST))
    if len(nanoseconds) > MOST:
        found.append(f"{rest / whole:6.1%} {rest / 1e6:9.3f} ms        of all others")
    return found


def _operation(event: Any, kernel: bool) -> str | None:
    """Its name in the compiled program; None: it is none."""
    stated = {str(name): value for name, value in event.stats}
    if kernel:
        operation = stated.get("hlo_op")
        return f"{operation} ({event.name})" if operation else str(event.name)
    return str(stated["hlo_op"]) if "hlo_op" in stated and "end:" not in event.name else None
