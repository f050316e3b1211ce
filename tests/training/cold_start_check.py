"""One step with and without ``item.cold_start``, from equal weights; prints what differs.

python tests/training/cold_start_check.py
"""

import json

import keras
import numpy as np

from recsys.models.retriever import Retriever
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import build_step
from tests.models import zoo

ITEMS, KNOWN, USERS, STEPS = 12, 10, 4, 3
BATCH = {
    "history": np.array([[1, 2, 3], [4, 5, 0]], np.int32),
    "length": np.array([3, 2], np.int32),
    "user": np.array([0, 1], np.int32),
    "query_positions": np.array([0, 1, 2, 4, 5, 6], np.int32),
    "targets": np.array([1, 2, 3, 4, 5, 9], np.int32),
    "weights": np.ones(6, np.float32),
}
NEGATIVES = {
    "negatives": np.array([6, 7, 7, 8], np.int32),
    "negative_log_counts": np.zeros(4, np.float32),
}


def stepped(item: dict, loss: str) -> tuple[dict[str, np.ndarray], float]:
    """The weights of ids and queries after some steps, and how far the features' weights moved."""
    config = zoo.model("lstm", loss, item=item)
    specs = zoo.item_specs("cold-start") if item else []
    retriever = Retriever(config, ITEMS if item else KNOWN, KNOWN, USERS, item_features=specs)
    retriever.item_tower.assign_features(zoo.item_values(ITEMS))
    generator = np.random.default_rng(0)
    compared = {
        "ids": retriever.item_tower.table.embeddings,
        "start": retriever.start,
        **{f"query {index}": v for index, v in enumerate(retriever.query_tower.trainable_weights)},
    }
    for variable in compared.values():
        variable.assign(generator.normal(size=variable.shape) * 0.1)
    features = retriever.item_tower.features
    before = [] if features is None else features.get_weights()
    batch = BATCH if retriever.loss_function.needs_whole_catalogue else BATCH | NEGATIVES
    optimizer = OptimizerConfig.model_validate({"kind": "adam", "learning_rate": 0.01})
    step = build_step(retriever, optimizer, STEPS)
    step.run({name: np.stack([array] * STEPS) for name, array in batch.items()})
    step.synchronise()
    after = [] if features is None else features.get_weights()
    pairs = zip(before, after, strict=True)
    moved = max((float(np.abs(new - old).max()) for old, new in pairs), default=0.0)
    return {n: keras.ops.convert_to_numpy(v).copy() for n, v in compared.items()}, moved


def main() -> None:
    found = {}
    for loss in ("cross_entropy", "uniform"):
        alone, _ = stepped({}, loss)
        beside, moved = stepped(zoo.ITEMS["cold-start"], loss)
        off = max(float(np.abs(alone[name] - beside[name]).max()) for name in alone)
        found[loss] = {"off": off, "moved": moved}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
