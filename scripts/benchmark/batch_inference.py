"""Times `recsys recommend --users all` beside a bare matrix product and top-k of the same sizes.

    python scripts/benchmark/batch_inference.py RUN [--users 16384] [-k 100] [--rounds 5]

Both answer the same number of users in blocks of the same size, in turns, in one process: ours
assembles histories, asks the exported SavedModel and writes a Parquet file; the bare product
multiplies vectors that are there already with those of the items, and finds the best. What the
encoder alone takes, on the same histories, takes turns with both. Prints a line per round, and last
one JSON line: users a second of each (medians), the ratio of ours to the bare product, and that to
the product and the encoder.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

import recsys
from recsys.api.batch_inference import log_users
from recsys.export.batch_inference import PartWriter
from recsys.export.blocks import embed_many_items, in_blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="folder of a run with an exported model")
    parser.add_argument("--users", type=int, default=2**14, help="of a turn")
    parser.add_argument("-k", type=int, default=100, help="items for each")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    arguments = parser.parse_args()

    run = recsys.load(arguments.run)
    recommender, dataset = run.model, run.dataset
    users = dataset.user_ids[: arguments.users]
    source = log_users(recommender, dataset, users, "user")
    writer = PartWriter(recommender, source, arguments.k)
    places = range(len(source.users))
    catalogue = recommender.manifest["model"]["catalogue_items"]
    items = tf.constant(embed_many_items(recommender, dataset.item_ids[:catalogue]))
    vectors = np.random.default_rng(0).normal(size=(len(places), items.shape[1]))
    queries = tf.constant(vectors, tf.float32)
    by_length = np.argsort(source.events, kind="stable").tolist()
    blocks = list(in_blocks(recommender, by_length, source.events.__getitem__))
    sizes = list(map(len, blocks))
    inputs = [source.inputs(block) for block in blocks]

    @tf.function(reduce_retracing=True)
    def best(block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.math.top_k(tf.matmul(block, items, transpose_b=True), k=arguments.k)

    def bare() -> None:
        begin = 0
        for size in sizes:
            for found in best(queries[begin : begin + size]):
                found.numpy()
            begin += size

    def encoder() -> None:
        for each in inputs:
            recommender.call("embed_query", each)

    with tempfile.TemporaryDirectory() as folder:

        def ours() -> None:
            writer.write(Path(folder) / "part.parquet", places, lambda done: None)

        works = {"ours": ours, "bare": bare, "encoder": encoder}
        rates: dict[str, list[float]] = {name: [] for name in works}
        for number in range(-1, arguments.rounds):  # the first of each warms up
            for name, work in works.items():
                begin = time.perf_counter()
                work()
                rate = len(places) / (time.perf_counter() - begin)
                if number >= 0:
                    rates[name].append(rate)
            if number >= 0:
                print(
                    f"{number + 1}:", *(f"{name} {each[-1]:,.0f}" for name, each in rates.items())
                )
    turns = list(zip(rates["ours"], rates["bare"], rates["encoder"], strict=True))
    ratios = [mine / other for mine, other, _ in turns]
    floors = [mine * (1 / other + 1 / encoding) for mine, other, encoding in turns]
    found = {
        "users": len(places),
        "items": catalogue,
        "dim": items.shape[1],
        "k": arguments.k,
        "events": round(float(source.events.mean()), 1),
        **{f"{name}_per_second": round(statistics.median(each)) for name, each in rates.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratio_with_encoder": round(statistics.median(floors), 3),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
