"""Refuses work that would not fit into memory before it starts."""

import psutil

from recsys.errors import InputError


def require_memory(baseline: str, needed: float, items: int) -> None:
    """Compares what a baseline needs with what is free.

    Args:
        baseline: its name in an experiment.
        needed: in bytes.
        items: of the catalogue.

    Raises:
        InputError: less is free than needed.
    """
    available = psutil.virtual_memory().available
    if needed > available:
        raise InputError(
            f"{baseline} needs about {needed / 2**30:.1f} GiB for {items:,} items and "
            f"{available / 2**30:.1f} GiB are free: take it out of `evaluation.baselines`, or "
            "drop rare items (`data`, k-core filter)"
        )
