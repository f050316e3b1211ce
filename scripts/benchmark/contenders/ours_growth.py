"""A step of this framework on a catalogue of any size: 4,096 predictions, distinct rows.

The history of one event, its target and 1,024 negatives are all different items, so
that every step touches equally many rows.
"""

import numpy as np
from contender import read_case, serve

from recsys.models.retriever import ModelConfig, Retriever
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import build_step

NEGATIVES = 1024


def main() -> None:
    case = read_case()
    items, size = case["catalogue"], case["batch_size"]
    config = ModelConfig.model_validate(
        {
            "dim": case["dim"],
            "max_events": 1,
            "loss": {
                "kind": "sampled_softmax",
                "negatives": {"kind": "uniform", "count": NEGATIVES},
            },
        }
    )
    retriever = Retriever(config, catalogue_items=items, known_items=items, users=1)
    step = build_step(retriever, OptimizerConfig(kind=case["optimizer"]), 100_000)
    generator = np.random.default_rng(1)

    def batch() -> dict[str, np.ndarray]:
        ids = generator.choice(items, 2 * size + NEGATIVES, replace=False).astype(np.int32)
        return {
            "history": ids[:size].reshape(1, size, 1),
            "query_positions": 2 * np.arange(size, dtype=np.int32)[None] + 1,
            "targets": ids[None, size : 2 * size],
            "weights": np.ones((1, size), np.float32),
            "negatives": ids[None, 2 * size :],
            "negative_log_counts": np.zeros((1, NEGATIVES), np.float32),
        }

    batches = [batch() for _ in range(8)]
    taken = 0

    def work() -> int:
        nonlocal taken
        np.asarray(step.run(batches[taken % len(batches)]))
        taken += 1
        return size

    serve(work, first_calls=8)


if __name__ == "__main__":
    main()
