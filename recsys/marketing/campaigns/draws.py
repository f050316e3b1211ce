"""Draws that are the same whenever and wherever they are made."""

import hashlib
from collections.abc import Callable

Draw = Callable[[str], float]


def seeded_draw(seed: int, *names: str) -> Draw:
    """A number in [0, 1) per user that is the same whenever and wherever it is asked for.

    Args:
        seed: another seed is another draw.
        names: of what is drawn for; other names are another draw, which says nothing about
            this one.
    """
    prefix = "\n".join((str(seed), *names))

    def draw(user: str) -> float:
        drawn = hashlib.sha256(f"{prefix}\n{user}".encode()).digest()
        return int.from_bytes(drawn[:8]) / 2**64

    return draw
