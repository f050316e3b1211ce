"""Two tables in plain Keras on TensorFlow: Adagrad and a compiled step of our own writing."""

import keras
import numpy as np
import tensorflow as tf
from contender import endless, read_case, serve


def main() -> None:
    case = read_case()
    keras.utils.set_random_seed(1)
    users, items = np.load(case["pair_users"]), np.load(case["pair_items"])
    user_table = keras.layers.Embedding(case["users"], case["dim"])
    item_table = keras.layers.Embedding(case["items"], case["dim"])
    user_table.build()
    item_table.build()
    variables = [user_table.embeddings, item_table.embeddings]
    optimizer = keras.optimizers.Adagrad(0.05)
    optimizer.build(variables)
    in_batch = case["negatives"] == "in_batch"

    @tf.function(jit_compile=case["jit_compile"])
    def train(batch_users, batch_items, drawn):
        with tf.GradientTape() as tape:
            queries, positives = user_table(batch_users), item_table(batch_items)
            if in_batch:
                logits = tf.matmul(queries, positives, transpose_b=True)
                labels = tf.range(tf.shape(logits)[0])
            else:
                negatives = tf.matmul(queries, item_table(drawn), transpose_b=True)
                positive = tf.reduce_sum(queries * positives, axis=-1, keepdims=True)
                logits = tf.concat([positive, negatives], axis=1)
                labels = tf.zeros_like(batch_users)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        return loss

    generator = np.random.default_rng(1)
    batches = endless(lambda: generator.permutation(len(users)), case["batch_size"])

    def step() -> int:
        chosen = next(batches)
        count = 1 if in_batch else case["negatives"]
        drawn = generator.integers(0, case["items"], count).astype(np.int32)
        train(tf.constant(users[chosen]), tf.constant(items[chosen]), tf.constant(drawn)).numpy()
        return len(chosen)

    serve(step)


if __name__ == "__main__":
    main()
