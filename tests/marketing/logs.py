"""Logs of purchases, prepared as datasets."""

from pathlib import Path

import numpy as np
import pandas as pd

from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare

START = pd.Timestamp("2024-01-01", tz="UTC")


def prepared(folder: Path, rows: pd.DataFrame, categories: dict[str, str] | None = None) -> Dataset:
    """A dataset of columns ``user``, ``day`` and optionally ``item``, ``value``, ``session``.

    Args:
        folder: where the log and the dataset go.
        rows: an event each; days since 2024.
        categories: of items, several separated by ``|``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = rows.assign(time=START + pd.to_timedelta(rows["day"], unit="D")).drop(columns="day")
    log.to_parquet(folder / "log.parquet")
    columns = {"user": "user", "time": "time"}
    columns |= {
        role: role
        for role in ("item", "value", "session", "channel", "campaign")
        if role in log.columns
    }
    # No prediction reads the split; it must only leave something in each part.
    validation, test = sorted(log["time"].unique())[-2:]
    split = {
        "kind": "time",
        "validation_from": validation.isoformat(),
        "test_from": test.isoformat(),
    }
    config = {"log": {"path": str(folder / "log.parquet"), "columns": columns}, "split": split}
    if categories is not None:
        table = pd.DataFrame({"item": list(categories), "kind": list(categories.values())})
        table.to_parquet(folder / "items.parquet")
        config["items"] = {
            "path": str(folder / "items.parquet"),
            "key": "item",
            "features": {"kind": "multivalued"},
        }
    return prepare(DataConfig.model_validate(config), folder / "datasets")


def microseconds(day: float) -> int:
    """A time, in days since 2024."""
    return int((START + pd.Timedelta(days=day)).value // 1000)


def random_log(users: int = 40, events: int = 800, days: int = 300, seed: int = 0) -> pd.DataFrame:
    """Events at random, several at some times."""
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user": [f"u{user}" for user in generator.integers(0, users, events)],
            "item": [f"i{item}" for item in generator.integers(0, 12, events)],
            "day": generator.integers(0, days, events),
            "value": generator.gamma(2.0, 10.0, events).round(2),
        }
    )


def shoppers(users: int = 1500, days: int = 720, seed: int = 0) -> pd.DataFrame:
    """Purchases of users who come at a pace of their own, until they stay away for good."""
    generator = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        pace = generator.gamma(1.0, 40.0) + 3
        leaves = generator.exponential(500)
        spends = generator.gamma(3.0, 10.0)
        day = generator.uniform(0, days / 3)
        while day < min(days, leaves + 30):
            value = spends * generator.lognormal(0, 0.3)
            rows.append((f"u{user}", f"i{generator.integers(0, 20)}", day, round(value, 2)))
            day += generator.exponential(pace) + 0.1
    return pd.DataFrame(rows, columns=["user", "item", "day", "value"])
