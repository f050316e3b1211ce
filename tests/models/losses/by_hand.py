"""Scores of two predictions, for losses worked out by hand."""

import numpy as np

# Two predictions that see the scores (1, 0, 0) and (0, 2, 0) of three items.
QUERIES = np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float32)


ITEMS = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=np.float32)


def batch(targets, weights, **others):
    return {
        "targets": np.array(targets, dtype=np.int32),
        "weights": np.array(weights, dtype=np.float32),
        **others,
    }


def draws(items, expected):
    return {
        "negatives": np.array(items, dtype=np.int32),
        "negative_log_counts": np.log(np.array(expected, dtype=np.float32)),
    }
