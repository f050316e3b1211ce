"""Which items can be had."""

import numpy as np
from pydantic import Field

from recsys.data.dataset import Dataset
from recsys.data.sources import FileConfig
from recsys.errors import InputError
from recsys.marketing.tables import as_numbers, read_columns


class StockConfig(FileConfig):
    """The items in stock: every item that is not listed is out of it."""

    key: str = Field("item", description="column with the item's id as in the log")
    pieces: str | None = Field(
        None, description="column with how many there are; without it, every item listed is there"
    )
    least: float = Field(1, gt=0, description="pieces that there must be")


def in_stock(config: StockConfig | None, dataset: Dataset) -> np.ndarray:
    """bool [items]: which items of a dataset can be offered.

    Args:
        config: what is in stock; None: everything.
        dataset: whose items they are.

    Raises:
        InputError: the table cannot be read, a number of pieces is none, or nothing is there.
    """
    if config is None:
        return np.ones(dataset.items, bool)
    rows = read_columns(config, {"item": config.key, "pieces": config.pieces}, ids=["item"])
    if config.pieces is not None:
        pieces = as_numbers(
            rows["pieces"], f"{config.path}, {config.pieces!r} of the stock", config.number_format
        )
        rows = rows[pieces >= config.least]
    there = np.isin(np.array(dataset.item_ids, object), rows["item"].dropna().unique())
    if not there.any():
        raise InputError(
            f"{config.path}: no item of the log is in stock ({len(rows)} rows are): give ids as "
            f"the log has them, such as {dataset.item_ids[0]!r}"
        )
    return there
