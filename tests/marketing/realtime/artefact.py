"""A SavedModel with the exporter's contract, made in a second: the real ones take many."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from recsys.export.manifest import FILE, FORMAT, describe_signatures
from recsys.system.manifests import write_folder_manifest

ITEMS = ["apple", "fig", "grape", "hazel", "kiwi", "lime", "mango", "nut"]
WINDOW = 3
K = 4


class Tiny(tf.Module):
    """The last known events decide, the later the more; times and the user's name, too.

    Args:
        seen: whether what is in the history may be recommended again.
        further: takes ``history_time`` and ``user_id``.
    """

    def __init__(self, seen: str, further: bool) -> None:
        super().__init__()
        keys = tf.constant(ITEMS)
        numbers = tf.range(len(ITEMS))
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, numbers), default_value=-1
        )
        vectors = np.random.default_rng(1).normal(size=(len(ITEMS), 6)).astype(np.float32)
        self.vectors = tf.Variable(vectors, trainable=False)
        self.ids = keys
        self.excludes = seen == "exclude"
        self.further = further

    def signatures(self) -> dict:
        ids = tf.TensorSpec([None, None], tf.string, name="history")
        specs = {"history": ids}
        if self.further:
            specs["history_time"] = tf.TensorSpec([None, None], tf.int64, name="history_time")
            specs["user_id"] = tf.TensorSpec([None], tf.string, name="user_id")
        items = tf.TensorSpec([None], tf.string, name="item_id")
        answer = tf.function(lambda **inputs: self.answer(inputs), autograph=False)
        embed = tf.function(lambda item_id: self.embed_items(item_id), autograph=False)
        return {
            "serving_default": answer.get_concrete_function(**specs),
            "embed_items": embed.get_concrete_function(items),
        }

    def answer(self, inputs: dict) -> dict:
        """Of one row."""
        items = self.table.lookup(inputs["history"][0])
        known = items >= 0
        window = tf.boolean_mask(items, known)[-WINDOW:]
        weights = tf.range(1, tf.size(window) + 1)
        query = tf.linalg.matvec(
            tf.gather(self.vectors, window), tf.cast(weights, tf.float32), transpose_a=True
        )
        if self.further:
            times = tf.boolean_mask(inputs["history_time"][0], known)[-WINDOW:]
            hours = tf.cast(tf.reduce_sum(times - times[:1]), tf.float32) / 3600
            name = tf.cast(tf.strings.to_hash_bucket_fast(inputs["user_id"][0], 7), tf.float32)
            query += tf.math.sin(tf.range(6, dtype=tf.float32) * (1 + hours + name))
        scores = tf.linalg.matvec(self.vectors, query)
        if self.excludes:
            held = tf.reduce_any(items[:, None] == tf.range(len(ITEMS)), axis=0)
            scores = tf.where(held, -float("inf"), scores)
        best, found = tf.math.top_k(scores, K)
        ids = tf.where(tf.math.is_inf(best), "", tf.gather(self.ids, found))
        return {"item_id": ids[None], "score": best[None]}

    def embed_items(self, ids) -> dict:
        items = self.table.lookup(ids)
        vectors = tf.gather(self.vectors, tf.maximum(items, 0))
        return {"embedding": vectors * tf.cast(items >= 0, tf.float32)[:, None]}


def write_run(folder: Path, seen: str, further: bool = False) -> Path:
    """The folder of a run with an exported model."""
    version = folder / "model/1"
    module = Tiny(seen, further)
    signatures = module.signatures()
    tf.saved_model.save(module, str(version), signatures=signatures)
    (version / "assets.extra").mkdir()
    (version / "assets.extra/titles.json").write_text(json.dumps({"apple": "An apple"}))
    manifest = {
        "format": FORMAT,
        "data": {"fingerprint": "f" * 16},
        "model": {
            "k": K,
            "seen": seen,
            "max_events": WINDOW,
            "event_inputs": ["history_time"] if further else [],
        },
        "filters": {},
        "signatures": describe_signatures(signatures),
    }
    write_folder_manifest(version, FILE, manifest)
    (folder / "experiment.yaml").write_text("task: recommendation\n")
    return folder
