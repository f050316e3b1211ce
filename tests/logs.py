"""A small log with a pattern that a model can learn."""

from pathlib import Path

import numpy as np
import pandas as pd


def write_log(folder: Path, users: int = 60, items: int = 24, events: int = 20) -> Path:
    """Users walk around the circle of items, each from somewhere, with a few jumps.

    Writes ``log.csv`` and ``items.csv``, and returns the former.
    """
    generator = np.random.default_rng(0)
    rows = []
    for user in range(users):
        item = generator.integers(items)
        begin = generator.integers(0, 1_000_000)
        for event in range(events):
            rows.append((f"u{user}", f"i{item}", 1_600_000_000 + begin + event * 50_000))
            item = (item + 1) % items if generator.random() < 0.9 else generator.integers(items)
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=["user", "item", "time"]).to_csv(folder / "log.csv", index=False)
    pd.DataFrame(
        {
            "item": [f"i{i}" for i in range(items)],
            "title": [f"Item <{i}>" for i in range(items)],
            "colour": ["red" if i % 2 else "blue" for i in range(items)],
        }
    ).to_csv(folder / "items.csv", index=False)
    return folder / "log.csv"
