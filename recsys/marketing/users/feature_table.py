"""The features of users or items as people read them."""

import numpy as np
import pandas as pd

from recsys.data.dataset import Dataset
from recsys.data.feature import Side


def feature_table(dataset: Dataset, side: Side) -> pd.DataFrame:
    """Categories (text, "" where missing), several of them (lists), numbers (in their own unit).

    Args:
        dataset: prepared.
        side: ``user`` or ``item``.

    Returns:
        A row per user or item, by its index; vectors, texts and pictures are left out.
    """
    features = dataset.manifest.user_features if side == "user" else dataset.manifest.item_features
    columns: dict[str, np.ndarray | list[list[str]]] = {}
    for feature in features:
        values = np.asarray(dataset.feature(side, feature.name))
        if feature.kind in ("categorical", "multivalued"):
            names = np.array(["", *dataset.vocabulary(side, feature.name)], dtype=object)
            named = names[values]
            if feature.kind == "multivalued":
                columns[feature.name] = [list(filter(None, row)) for row in named]
            else:
                columns[feature.name] = named
        elif feature.kind == "numeric":
            columns[feature.name] = values * feature.deviation + feature.mean
    size = dataset.users if side == "user" else dataset.items
    return pd.DataFrame(columns, index=pd.RangeIndex(size, name=side))
