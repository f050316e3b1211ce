"""Plain Keras on TensorFlow with ``fit``: padded rows, every position predicted.

Every position in the softmax, padding weighed 0: what ``fit`` offers.
"""

import keras
import numpy as np
from contender import Stepper, read_case, serve
from keras import layers


def attention(states, case: dict):
    """Blocks of causal attention (SASRec, pre-norm)."""
    positions = layers.Embedding(case["max_events"], case["dim"])
    states = states + positions(keras.ops.arange(case["max_events"]))[None]
    states = layers.Dropout(case["dropout"])(states)
    width = case["dim"] // case["heads"]
    for _ in range(case["blocks"]):
        normed = layers.LayerNormalization()(states)
        attended = layers.MultiHeadAttention(case["heads"], width)(
            normed, normed, use_causal_mask=True
        )
        states = states + layers.Dropout(case["dropout"])(attended)
        hidden = layers.LayerNormalization()(states)
        hidden = layers.Dense(case["dim"], activation="relu")(hidden)
        hidden = layers.Dense(case["dim"])(layers.Dropout(case["dropout"])(hidden))
        states = states + layers.Dropout(case["dropout"])(hidden)
    return layers.LayerNormalization()(states)


def recurrent(states, case: dict):
    """An LSTM."""
    states = layers.Dropout(case["dropout"])(states)
    states = layers.LSTM(case["units"], return_sequences=True)(states)
    return layers.Dense(case["dim"])(layers.Dropout(case["dropout"])(states))


def main() -> None:
    case = read_case()
    keras.utils.set_random_seed(1)
    items, width = np.load(case["row_items"]), case["max_events"]
    offsets = np.load(case["row_offsets"])
    begins, lengths = offsets[:-1], np.diff(offsets) - 1
    rows = np.where(
        np.arange(width + 1) <= lengths[:, None],
        items[np.minimum(begins[:, None] + np.arange(width + 1), len(items) - 1)],
        0,
    )
    weights = (np.arange(width) < lengths[:, None]).astype(np.float32)
    history = keras.Input((width,), dtype="int32")
    table = layers.Embedding(case["items"], case["dim"])
    encode = attention if case["encoder"] == "attention" else recurrent
    states = encode(table(history), case)
    logits = states @ keras.ops.transpose(table.embeddings)
    model = keras.Model(history, logits)
    model.compile(
        "adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=case["jit_compile"],
    )
    events = round(float(lengths.mean()) * case["batch_size"])

    def train(stepper: Stepper) -> None:
        steps = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda batch, logs: stepper.began(),
            on_train_batch_end=lambda batch, logs: stepper.ended(events),
        )
        model.fit(
            rows[:, :-1],
            rows[:, 1:],
            sample_weight=weights,
            batch_size=case["batch_size"],
            verbose=0,
            callbacks=[steps],
        )

    serve(Stepper(train).work)


if __name__ == "__main__":
    main()
