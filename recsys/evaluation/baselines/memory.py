"""Refuses work that would not fit into memory before it starts."""

from recsys.errors import InputError
from recsys.system.display import counted
from recsys.system.memory import main_memory


def require_memory(baseline: str, needed: float, items: int) -> None:
    """Compares what a baseline needs with what is free.

    Args:
        baseline: its name in an experiment.
        needed: in bytes.
        items: of the catalogue.

    Raises:
        InputError: less is free than needed.
    """
    free = main_memory().free
    if needed > free:
        raise InputError(
            f"{baseline} needs about {needed / 2**30:.1f} GiB for {counted(items, 'item')} and "
            f"{free / 2**30:.1f} GiB are free: take it out of `evaluation.baselines`, or "
            "drop rare items (`data`, k-core filter)"
        )
