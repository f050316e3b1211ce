"""What is known of users as a matrix of numbers."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

# Users of a category, below which it is taken together with others.
RARE = 20


def encoding(scale: bool = False, impute: bool = True) -> ColumnTransformer:
    """Features as a matrix of numbers: categories one-hot, rare ones together.

    Args:
        scale: take a signed logarithm of numbers, and standardise them.
        impute: fill a missing number with the median, and say in a column that it was missing.
    """
    steps: list[BaseEstimator] = []
    if impute:
        steps.append(SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))
    if scale:
        # Of large numbers a logarithm, of either sign.
        logarithm = FunctionTransformer(np.arcsinh, feature_names_out="one-to-one")
        steps += [logarithm, StandardScaler()]
    numbers = make_pipeline(*steps) if steps else "passthrough"
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False
    )
    return ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("categories", categories, make_column_selector(dtype_exclude="number")),
        ],
    )
