"""The features of users or items as people read them."""

import numpy as np
import pandas as pd

from recsys.data.dataset import Dataset
from recsys.data.feature import Side
from recsys.data.prepare.features.encode import decode_feature
from recsys.data.prepare.features.kinds import FEATURES


def feature_table(dataset: Dataset, side: Side, lists: bool = True) -> pd.DataFrame:
    """Categories (text, "" where missing), several of them (lists), numbers (in their own unit).

    Args:
        dataset: prepared.
        side: ``user`` or ``item``.
        lists: whether the features are wanted of which one user or item has several values.

    Returns:
        A row per user or item, by its index; vectors, texts and pictures are left out.
    """
    features = dataset.manifest.user_features if side == "user" else dataset.manifest.item_features
    columns: dict[str, np.ndarray | list[list[str]]] = {}
    for feature in features:
        if FEATURES[feature.kind].holds is None:
            continue
        values = np.asarray(dataset.feature(side, feature.name))
        given = decode_feature(dataset, side, feature, values)
        if given.ndim == 1:
            columns[feature.name] = given
        elif lists:
            columns[feature.name] = [list(filter(None, row)) for row in given]
    size = dataset.users if side == "user" else dataset.items
    return pd.DataFrame(columns, index=pd.RangeIndex(size, name=side))
