"""What the gate before publication found, in sentences for a person."""

from collections.abc import Mapping
from typing import Any

from recsys.system.display import counted

MIB = 2**20


def sentences(gate: Mapping[str, Any]) -> list[str]:
    """A line on how right the SavedModel is, and one on what it takes.

    Args:
        gate: the section of the manifest.

    >>> sentences({
    ...     "verdict": "passed",
    ...     "parity": {"probes": 64, "largest_relative_difference": 2.1e-7},
    ...     "quality": None,
    ...     "footprint": {"size_bytes": 3 * 2**20},
    ...     "budget": {"size_bytes": 2**22},
    ... })
    ['gate passed: scores of 64 probes within 2.1e-07 of the trained model; not evaluated, so \
recommendations were not compared', '3.0 MiB (budget: size_bytes 4,194,304)']
    """
    parity = gate["parity"]
    right = (
        f"gate {gate['verdict']}: scores of {counted(parity['probes'], 'probe')} within "
        f"{parity['largest_relative_difference']:.2g} of the trained model; "
        f"{_quality(gate['quality'])}"
    )
    found = gate["footprint"]
    takes = f"{found['size_bytes'] / MIB:.1f} MiB"
    if "calls" in found:
        takes += (
            f", {found['peak_memory_bytes'] / MIB:,.0f} MiB of memory at most "
            f"({found['tensorflow_bytes'] / MIB:,.0f} before the model); a query takes "
            f"{found['latency_p50_ms']:.2f} ms (99th percentile {found['latency_p99_ms']:.2f}) on "
            f"{counted(found['cpus'], 'CPU')}"
        )
    limits = ", ".join(f"{name} {limit:,}" for name, limit in gate["budget"].items())
    return [right, f"{takes} (budget: {limits or 'none'})"]


def _quality(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not evaluated, so recommendations were not compared"
    # The longest list that was looked at.
    recall, ndcg = (
        next(name for name in reversed(found["metrics"]) if name.startswith(f"{kind}@"))
        for kind in ("recall", "ndcg")
    )
    shown = [f"{name} {found['metrics'][name]['value']:.4f}" for name in (recall, ndcg)]
    ties = ""
    if found["near_ties"]:
        moved = counted(found["near_ties"], "rank")
        ties = f" but for {moved} of {found['targets']:,} that rounding moves"
    if found["before_rerank"]:
        ties += ", in the order before export.rerank"
    every = counted(found["evaluated_queries"], "test query", "test queries")
    users = counted(found["users"], "user")
    return (
        f"{' and '.join(shown)}, as evaluated{ties}, on {found['queries']:,} of {every} ({users})"
    )
