"""Every model that the contract list is applied to. A new encoder adds a line."""

from typing import Any

import numpy as np

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
    "timed-attention": {
        "encoder": {"kind": "attention", "blocks": 1, "times": True, "dropout": 0.0}
    },
    "frequency": {
        "encoder": {"kind": "frequency", "frequencies": 2, "positions": "both", "dropout": 0.0}
    },
    "time-varying": {"encoder": {"kind": "time_varying", "filters": 4, "dropout": 0.0}},
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
ITEM_FEATURES: list[dict[str, Any]] = [
    {"name": "kind", "kind": "categorical", "vocabulary_size": 3},
    {"name": "price", "kind": "numeric"},
    {"name": "tags", "kind": "multivalued", "width": 3, "vocabulary_size": 5},
    {"name": "picture", "kind": "vector", "width": 4},
    {"name": "title", "kind": "text", "width": 4, "vocabulary_size": 7},
    {"name": "photo", "kind": "image", "width": 6, "channels": 3},
]
TITLE = {"id_dropout": 0.5, "features": ["title"]}
ITEMS: dict[str, dict[str, Any]] = {
    "features": {"features": ["kind", "price", "tags", "picture"], "hidden": [8]},
    "text-average": {**TITLE, "text": {"kind": "average", "word_dropout": 0.1}},
    "text-cnn": {**TITLE, "text": {"kind": "cnn", "filters": 8}},
    "text-rnn": {**TITLE, "text": {"kind": "rnn", "units": 8}},
    "image": {
        "id_dropout": 0.5,
        "features": ["photo"],
        "image": {"filters": 4, "blocks": 2, "dropout": 0.0},
    },
    "cold-start": {"features": ["title"], "cold_start": {"scale": 0.8}, "hidden": [8]},
    "image-alone": {"id": False, "features": ["photo"]},
    "text-alone": {"id": False, "features": ["title"], "text": {"kind": "cnn", "filters": 8}},
}


# What an event was; encoders read it with the history.
EVENT_FEATURES: list[dict[str, Any]] = [
    {"name": "what", "kind": "categorical", "vocabulary_size": 4},
    {"name": "price", "kind": "numeric"},
]
ENCODED = [query for query, config in QUERIES.items() if config["encoder"] is not None]


def with_event_features(query: str) -> dict[str, Any]:
    """A query tower of the zoo that reads what the events were."""
    return {**QUERIES[query], "event_features": [spec["name"] for spec in EVENT_FEATURES]}


def item_specs(item: str) -> list[dict[str, Any]]:
    """The features that an item tower of the zoo reads."""
    return [spec for spec in ITEM_FEATURES if spec["name"] in ITEMS[item]["features"]]


def item_values(items: int) -> dict[str, np.ndarray]:
    """Values of all features; the last item has no title and no photo."""
    generator = np.random.default_rng(0)
    title = generator.integers(1, 7, (items, 4)).astype(np.int32)
    title[np.arange(4) >= generator.integers(1, 5, items)[:, None]] = 0
    title[-1] = 0
    photo = generator.integers(1, 256, (items, 6, 6, 3)).astype(np.uint8)
    photo[-1] = 0
    return {
        "kind": np.arange(items, dtype=np.int32) % 3,
        "price": np.linspace(-1, 1, items, dtype=np.float32),
        "tags": np.tile(np.array([1, 2, 0], dtype=np.int32), (items, 1)),
        "picture": np.ones((items, 4), dtype=np.float32),
        "title": title,
        "photo": photo,
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
