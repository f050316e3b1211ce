"""What layers compute in."""

import logging

from recsys.system.devices import oldest_capability

logger = logging.getLogger(__name__)

# Ampere's cards and those after them multiply bfloat16 twice as fast as float32, or faster.
BFLOAT16_CAPABILITY = 8.0


def dtype_policy(precision: str) -> str:
    """The dtype policy of Keras that a precision stands for on the device that Keras runs on.

    Args:
        precision: ``float32``, ``mixed_bfloat16``, or ``auto``: ``mixed_bfloat16`` where a card
            is made for it, ``float32`` elsewhere, CPUs included.

    Returns:
        ``float32`` or ``mixed_bfloat16``. An older card than can compute in bfloat16 gets
        ``float32``, with a warning if that is not what was asked for.
    """
    capability = oldest_capability()
    able = capability is not None and capability >= BFLOAT16_CAPABILITY
    if precision == "auto":
        return "mixed_bfloat16" if able else "float32"
    if precision == "mixed_bfloat16" and capability is not None and not able:
        logger.warning(
            "training.precision is mixed_bfloat16, but this GPU (compute capability %s) does not "
            "compute in bfloat16: it is float32",
            capability,
        )
        return "float32"
    return precision
