"""Item titles beside the SavedModel, for people who read recommendations."""

import json
from pathlib import Path

from recsys.data.dataset import Dataset
from recsys.export.manifest import MEND
from recsys.system.reading import read_json

FILE = "assets.extra/titles.json"


def write_titles(folder: Path, dataset: Dataset, catalogue_items: int) -> None:
    """Writes the titles of the items that the model recommends, by id."""
    ids = dataset.item_ids[:catalogue_items]
    titles = dataset.item_titles[:catalogue_items]
    named = {item: title for item, title in zip(ids, titles, strict=True) if title != item}
    text = json.dumps(named, ensure_ascii=False)
    (folder / FILE).write_text(text, encoding="utf-8")


def read_titles(folder: Path) -> dict[str, str]:
    """Titles by item id; items without one are absent."""
    return read_json(folder / FILE, MEND)
