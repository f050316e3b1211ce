"""TFRS' retrieval task with in-batch negatives and Adagrad, trained by ``fit``."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
from contender import Stepper, read_case, serve


class TwoTower(tfrs.Model):
    """The model of TFRS' retrieval tutorial."""

    def __init__(self, case: dict) -> None:
        super().__init__()
        self.user_table = tf.keras.layers.Embedding(case["users"], case["dim"])
        self.item_table = tf.keras.layers.Embedding(case["items"], case["dim"])
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, inputs, training=False):
        queries, items = self.user_table(inputs["user"]), self.item_table(inputs["item"])
        return self.task(queries, items, compute_metrics=False)


def main() -> None:
    case = read_case()
    pairs = {"user": np.load(case["pair_users"]), "item": np.load(case["pair_items"])}
    options = tf.data.Options()
    options.autotune.enabled = False
    log = tf.data.Dataset.from_tensor_slices(pairs).shuffle(len(pairs["user"]))
    log = log.batch(case["batch_size"], drop_remainder=True).prefetch(4).with_options(options)
    model = TwoTower(case)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.05))

    def train(stepper: Stepper) -> None:
        steps = tf.keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: stepper.began(),
            on_train_batch_end=lambda batch, logs: stepper.ended(case["batch_size"]),
        )
        model.fit(log, verbose=0, callbacks=[steps])

    serve(Stepper(train).work)


if __name__ == "__main__":
    main()
