"""Logs of a few events: (user, item, part, day)."""

import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.evaluation.baselines import memory
from recsys.system.memory import MainMemory

EVERYTHING = slice(None)

# Item 0 was popular long ago, item 1 is popular now, item 2 has one event.
FASHION = [
    (0, 0, "train", 1),
    (0, 1, "train", 98),
    (1, 0, "train", 2),
    (1, 1, "train", 99),
    (2, 0, "train", 3),
    (2, 2, "train", 100),
    (0, 2, "validation", 101),
    (1, 2, "validation", 102),
    (2, 1, "test", 103),
]

# Users 0 to 2 met items 0 and 1, users 3 and 4 items 2 and 3, item 4 is alone.
PAIRS = [(user, item, "train", item) for user in (0, 1, 2) for item in (0, 1)]
PAIRS += [(user, item, "train", item) for user in (3, 4) for item in (2, 3)]
PAIRS += [(5, 4, "train", 0)]

# User 6 has met an item of each pair, user 7 nothing, user 8 an item of no training event.
ASKED = [(6, 0, "validation", 8), (6, 2, "validation", 9), (6, 1, "test", 10)]
ASKED += [(7, 0, "test", 10), (8, 5, "validation", 9), (8, 0, "test", 10)]


def random_log(users: int, items: int, events: int) -> list[tuple[int, int, str, int]]:
    """Every user's random training events, repeats among them, and a test event each."""
    drawn = np.random.default_rng(0).integers(0, items, (users, events))
    log = [
        (user, int(item), "train", day)
        for user in range(users)
        for day, item in enumerate(drawn[user])
    ]
    return log + [(user, 0, "test", 20) for user in range(users)]


def weigh(dataset: Dataset, weights: dict[int, float]) -> None:
    """Gives some of a dataset's events, by their position, another weight than 1."""
    array = np.ones(dataset.events, np.float32)
    array[list(weights)] = list(weights.values())
    np.save(dataset.path / "event_weights.npy", array)


def fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves ten bytes free."""
    monkeypatch.setattr(memory, "main_memory", lambda: MainMemory(total=2**30, free=10))
