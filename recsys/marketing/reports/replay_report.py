"""What a page shows of a replay: which triggers acted when, on whom, and how fast."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset

from recsys.marketing.reports.documents import checked, read_result
from recsys.marketing.reports.replay_plots import actions_over_time
from recsys.reports.page import Picture, inline
from recsys.system.reading import reading
from recsys.system.yaml_text import dump_yaml

# Of each trigger.
EXAMPLES = 2


def replay_section(folder: Path) -> dict[str, Any]:
    """What a page shows of a replay.

    It reads ``replay.json``, and ``actions.parquet`` where it is there.

    Args:
        folder: ``<runs-dir>/replays/<name>``.

    Raises:
        InputError: a document is missing or damaged.
    """
    document = read_result(folder / "replay.json", keys=("stream", "actions", "settings"))
    images: dict[str, Picture] = {}
    examples: list[dict[str, Any]] = []
    actions = folder / "actions.parquet"
    if actions.is_file():
        with reading(checked(actions), "Replay again (`recsys replay`)"):
            images, examples = _actions(actions, document)
    return {
        **document,
        "images": images,
        "examples": examples,
        "definition": dump_yaml(document["settings"]),
    }


def _actions(
    path: Path, document: dict[str, Any]
) -> tuple[dict[str, Picture], list[dict[str, Any]]]:
    """A picture of when they were, and some of them; nothing of none."""
    found = pyarrow.dataset.dataset(path)
    rows = found.to_table(["trigger", "time"]).to_pandas()
    if rows.empty:
        return {}, []
    seconds = rows["time"].astype("datetime64[us, UTC]").astype(np.int64) / 10**6
    times = {str(name): group.to_numpy() for name, group in seconds.groupby(rows["trigger"])}
    ends = [_seconds(document["stream"][end]) for end in ("first", "last")]
    figure = actions_over_time(times, *ends)
    shown = [
        place
        for name in document["actions"]
        for place in _spread(np.flatnonzero(rows["trigger"] == name))
    ]
    return {"actions": inline(figure)}, found.take(shown).to_pylist()


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _spread(places: np.ndarray) -> list[int]:
    """Some of them, from all over the replay; always the same."""
    chosen = np.linspace(0, len(places) - 1, EXAMPLES + 2)[1:-1].round().astype(int)
    return sorted(set(places[chosen].tolist())) if len(places) else []
