"""Hand-made streams and the files of their replays."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.marketing.realtime.config import ReplayConfig
from tests.marketing.logs import START

COLUMNS = {role: role for role in ("user", "item", "time", "event", "session")}
ANY = {"kind": "event", "name": "any", "at_most_every_days": 0}


def write_stream(
    file: Path, rows: Iterable[tuple], columns: str = "user item minutes event"
) -> str:
    """Writes events as CSV: names of the columns, minutes since 2024."""
    table = pd.DataFrame(list(rows), columns=columns.split())
    table["time"] = START + pd.to_timedelta(table.pop("minutes"), unit="min")
    table.to_csv(file, index=False)
    return str(file)


def config(path: str, triggers: list[dict[str, Any]] | None = None, **settings: Any) -> Any:
    """A replay of the columns that the file has."""
    read = pd.read_csv if path.endswith("csv") else pd.read_parquet
    there = read(path).columns
    stream = {"path": path, "columns": {r: c for r, c in COLUMNS.items() if c in there}}
    document = {"name": "tiny", "stream": stream, "recommender": "nowhere", "items": 4, **settings}
    return ReplayConfig.model_validate({**document, "triggers": triggers or [ANY]})
