"""Times an exported model's answers beside the bare arithmetic, in TensorFlow, in one process.

    python scripts/benchmark/latency.py RUN [--batch 1 256] [-k 100] [--seconds 3] [--rounds 5]

Ours is the signature ``serving_default``: ids in, ids and scores out. Bare is what it cannot do
without: the encoder on item numbers that are there already, the matrix product with all items, and
``top_k``, in one ``tf.function``. Queries are the histories of users of the dataset, drawn at
random. Both take turns, and the parts of both with them. Prints a line of JSON for each batch size:
medians in milliseconds, the median of the rounds' ratios, and the difference of the medians.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import recsys
from recsys.export.blocks import embed_many_items
from recsys.export.inputs import HISTORY
from recsys.export.recommend import SIGNATURE
from recsys.models.saved import load_retriever

Call = Callable[[], Any]


def contenders(run: recsys.Run, batch: int, k: int, seed: int = 0) -> dict[str, Call]:
    """What is timed, by name.

    Args:
        run: with an exported model.
        batch: queries of a call.
        k: answers of the bare top-k; ours has as many as it was exported with.
        seed: of the users.
    """
    recommender, dataset = run.model, run.dataset
    model = tf.saved_model.load(str(recommender.folder))
    users = np.random.default_rng(seed).choice(dataset.users, batch, replace=batch > dataset.users)
    inputs = {
        name: tf.constant(value)
        for name, value in recommender.user_inputs(dataset, np.sort(users)).items()
    }
    if set(inputs) != {HISTORY}:
        raise SystemExit(f"the bare encoder takes histories alone, and {run.name} reads more")

    retriever = load_retriever(run.path / "checkpoints" / "retriever.keras").in_float32()
    # Items that are new after training are in the dataset, and not in the model.
    catalogue, length = retriever.catalogue_items, retriever.config.max_events
    items_ND = tf.constant(embed_many_items(recommender, dataset.item_ids[:catalogue]))
    histories = [
        dataset.event_items[slice(*dataset.user_offsets[user : user + 2])]
        for user in np.sort(users)
    ]
    rows = [history[history < catalogue][-length:] for history in histories]
    widest = max(1, *map(len, rows))
    history_BW = tf.constant([np.pad(row, (0, widest - len(row))) for row in rows], tf.int32)
    length_B = tf.constant([len(row) for row in rows], tf.int32)

    def encoded(history_BW: tf.Tensor, length_B: tf.Tensor) -> tf.Tensor:
        given = {HISTORY: history_BW, "length": length_B}
        return retriever.embed_query(given, item_vectors=items_ND)

    @tf.function(reduce_retracing=True)
    def encoder(history_BW: tf.Tensor, length_B: tf.Tensor) -> tf.Tensor:
        return encoded(history_BW, length_B)

    @tf.function
    def search(query_BD: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.math.top_k(tf.matmul(query_BD, items_ND, transpose_b=True), k=k)

    @tf.function(reduce_retracing=True)
    def bare(history_BW: tf.Tensor, length_B: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        query_BD = encoded(history_BW, length_B)
        return tf.math.top_k(tf.matmul(query_BD, items_ND, transpose_b=True), k=k)

    query_BD = encoder(history_BW, length_B)
    return {
        "ours": lambda: model.signatures[SIGNATURE](**inputs)["score"].numpy(),
        "bare": lambda: bare(history_BW, length_B)[0].numpy(),
        "ours_query": lambda: model.signatures["embed_query"](**inputs)["embedding"].numpy(),
        "bare_query": lambda: encoder(history_BW, length_B).numpy(),
        "bare_search": lambda: search(query_BD)[0].numpy(),
    }


def measure(calls: dict[str, Call], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Median milliseconds of a call, of each round.

    Args:
        calls: that take turns.
        rounds: turns of each; one more comes first, and is not counted.
        seconds: of a turn.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            taken: list[float] = []
            deadline = time.perf_counter() + seconds
            while len(taken) < 3 or time.perf_counter() < deadline:
                began = time.perf_counter()
                call()
                taken.append(1000 * (time.perf_counter() - began))
            if number:
                found[name].append(statistics.median(taken))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder of a run of one seed, with an exported model")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 256])
    parser.add_argument("-k", type=int, default=100, help="of the bare top-k")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    run = recsys.load(arguments.run)
    catalogue = run.model.manifest["model"]
    for batch in arguments.batch:
        calls = contenders(run, batch, arguments.k)
        found = measure(calls, arguments.rounds, arguments.seconds)
        ratios = [ours / bare for ours, bare in zip(found["ours"], found["bare"], strict=True)]
        medians = {name: statistics.median(each) for name, each in found.items()}
        line = {
            "batch": batch,
            "items": catalogue["catalogue_items"],
            "dim": catalogue["dim"],
            "k": [catalogue["k"], arguments.k],
            "cpus": len(os.sched_getaffinity(0)),
            **{f"{name}_ms": round(median, 3) for name, median in medians.items()},
            "ratio": round(statistics.median(ratios), 3),
            "more_ms": round(medians["ours"] - medians["bare"], 3),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
