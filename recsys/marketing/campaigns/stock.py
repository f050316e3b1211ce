"""Which items can be had, and to how many users each can be offered."""

import logging

import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt

from recsys.data.dataset import Dataset
from recsys.data.sources.config import FileConfig
from recsys.errors import InputError
from recsys.marketing.tables.columns import as_numbers, read_columns
from recsys.system.display import counted

logger = logging.getLogger(__name__)


class StockConfig(FileConfig):
    """The items in stock: every item that is not listed is out of it."""

    key: str = Field("item", description="column with the item's id as in the log")
    pieces: str | None = Field(
        None,
        description="column with how many there are, which bounds to how many users an item is "
        "offered; without it, every item listed is there for everybody",
    )
    least: float = Field(1, gt=0, description="pieces that there must be")
    per_piece: PositiveInt = Field(
        1,
        description="users that a piece is offered to, over all campaigns of the file: 1, and "
        "no user is offered what a user before took; 20 where one of twenty buys",
    )


def offers_left(config: StockConfig | None, dataset: Dataset) -> np.ndarray:
    """float [items]: to how many users each item of a dataset can be offered.

    Infinity where nothing bounds it. Pieces of an item in several rows (such as warehouses) are
    added up, which is said.

    Args:
        config: what is in stock; None: everything.
        dataset: whose items they are.

    Raises:
        InputError: the table cannot be read, a number of pieces is none, or nothing is there.
    """
    if config is None:
        return np.full(dataset.items, np.inf)
    rows = read_columns(config, {"item": config.key, "pieces": config.pieces}, ids=["item"])
    if config.pieces is None:
        offers = pd.Series(np.inf, index=rows["item"].dropna().unique())
    else:
        where = f"{config.path}, {config.pieces!r} of the stock"
        rows["pieces"] = as_numbers(rows["pieces"], where, config.number_format)
        if again := int(rows["item"].dropna().duplicated().sum()):
            logger.warning(
                "%s: %s an item that has a row already; their pieces are added up",
                config.path,
                counted(again, "row is of", "rows are of"),
            )
        pieces = rows.groupby("item")["pieces"].sum()
        pieces = pieces[pieces >= config.least]
        offers = (pieces * config.per_piece).map(np.floor)
    found = offers.reindex(dataset.item_ids, fill_value=0.0).to_numpy(float)
    if not (found > 0).any():
        raise InputError(
            f"{config.path}: no item of the log is in stock ({len(offers):,} rows are): give ids "
            f"as the log has them, such as {dataset.item_ids[0]!r}"
        )
    return found
