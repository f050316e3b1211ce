#!/usr/bin/env python3
"""Recommends to the users of a log with Spark; copy it. PySpark, pandas and TensorFlow, no recsys.

    python scripts/clients/spark_client.py runs/shop/1/model/1 events.parquet answers.parquet \
        --user user --item item --time time

Every task loads the SavedModel once, from a path that all of them can read, and answers the
users that Spark gives it; no row passes through the driver. It is for models that read histories
alone: of others, add their inputs (`user_id`, columns of the users) to the call. Histories hold
the newest events of each user, oldest first; of equal times, the larger id counts as newer.
"""

import argparse
from collections.abc import Iterator

import pandas as pd
import tensorflow as tf
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

# Users of a call of the model.
BATCH = 256
ANSWERS = "user string, rank int, item string, score float"


def histories(log: DataFrame, user: str, item: str, time: str, most: int) -> DataFrame:
    """A row for each user: ``user``, and ``history``, the newest ids, oldest first.

    Args:
        log: a row per event.
        user: column of the user.
        item: column of the item.
        time: column of the time, of any type that can be sorted.
        most: how many events are kept.
    """
    known = log.where(F.col(user).isNotNull() & F.col(item).isNotNull() & F.col(time).isNotNull())
    event = F.struct(F.col(time).alias("time"), F.col(item).cast("string").alias("item"))
    events: Column = F.sort_array(F.collect_list(event))
    newest = F.slice(events, -F.least(F.size(events), F.lit(most)), F.lit(most))
    grouped = known.groupBy(F.col(user).cast("string").alias("user"))
    return grouped.agg(newest.getField("item").alias("history"))


def answer(model: str, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """What :func:`histories` gives, answered: a row for each user and item, by rank."""
    loaded = tf.saved_model.load(model)  # kept: its signatures do not keep it
    recommend = loaded.signatures["serving_default"]
    for frame in frames:
        for begin in range(0, len(frame), BATCH):
            block = frame.iloc[begin : begin + BATCH]
            width = max(map(len, block["history"]))
            padded = [[*history, *[""] * (width - len(history))] for history in block["history"]]
            found = recommend(history=tf.constant(padded))
            items, scores = found["item_id"].numpy(), found["score"].numpy()
            for user, ids, values in zip(block["user"], items, scores, strict=True):
                ids = [each.decode() for each in ids if each]
                ranks = range(1, len(ids) + 1)
                yield pd.DataFrame(
                    {"user": user, "rank": ranks, "item": ids, "score": values[: len(ids)]}
                )


def main() -> None:
    """Reads what was typed, and answers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="folder of a version of a SavedModel")
    parser.add_argument("log", help="Parquet, a row per event")
    parser.add_argument("out", help="Parquet to write")
    parser.add_argument("--user", default="user", help="column")
    parser.add_argument("--item", default="item", help="column")
    parser.add_argument("--time", default="time", help="column")
    parser.add_argument("--most", type=int, default=200, help="newest events of a history")
    given = parser.parse_args()
    spark = SparkSession.builder.appName("recommend").getOrCreate()
    log = spark.read.parquet(given.log)
    found = histories(log, given.user, given.item, given.time, given.most)
    answers = found.mapInPandas(lambda frames: answer(given.model, frames), ANSWERS)
    answers.write.mode("errorifexists").parquet(given.out)
    spark.stop()


if __name__ == "__main__":
    main()
