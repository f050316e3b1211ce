"""Every model that the contract list is applied to. A new encoder adds a line."""

from typing import Any

QUERIES: dict[str, dict[str, Any]] = {
    "average": {"encoder": {"kind": "average"}},
    "lstm": {"encoder": {"kind": "lstm", "units": 32, "dropout": 0.0}},
    "gru": {"encoder": {"kind": "gru", "units": 32, "dropout": 0.0}},
    "rnn": {"encoder": {"kind": "rnn", "units": 32, "dropout": 0.0}},
    "stacked-gru": {
        "encoder": {"kind": "gru", "units": 16, "layers": 2, "layer_norm": True, "dropout": 0.2}
    },
    "cnn": {"encoder": {"kind": "cnn", "blocks": 2, "dropout": 0.2}},
    "attention": {"encoder": {"kind": "attention", "dropout": 0.0}},
    "ligr": {
        "encoder": {
            "kind": "attention",
            "block": "ligr",
            "positions": "relative",
            "feed_forward": 2,
            "dropout": 0.0,
        }
    },
    "hstu": {
        "encoder": {"kind": "attention", "block": "hstu", "positions": "both", "dropout": 0.0}
    },
    "two-tower": {
        "encoder": {"kind": "average"},
        "user_id": True,
        "user_id_dropout": 0.0,
        "hidden": [32],
    },
    "user-id": {"encoder": None, "user_id": True, "user_id_dropout": 0.0},
}
LOSSES: dict[str, dict[str, Any]] = {
    "cross_entropy": {"kind": "cross_entropy"},
    "uniform": {"kind": "sampled_softmax", "negatives": {"kind": "uniform", "count": 64}},
    "popularity": {"kind": "sampled_softmax", "negatives": {"kind": "popularity", "count": 64}},
    "in_batch": {"kind": "sampled_softmax", "negatives": {"kind": "in_batch", "count": 64}},
    "mixed": {
        "kind": "sampled_softmax",
        "negatives": {"kind": "mixed", "in_batch": 32, "uniform": 32},
    },
    "gbce": {"kind": "gbce", "negatives": {"kind": "uniform", "count": 8}},
    "bpr_max": {"kind": "bpr_max", "negatives": {"kind": "popularity", "count": 64}},
}


def model(query: str, loss: str = "cross_entropy", **others: Any) -> dict[str, Any]:
    """A small ``model`` section."""
    return {
        "dim": 16,
        "max_events": 6,
        "query": QUERIES[query],
        "loss": LOSSES[loss],
        **others,
    }
