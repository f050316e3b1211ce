"""Whether XLA compiles a model's step on TensorFlow.

On JAX every step is compiled. On TensorFlow it was measured on two shared CPU cores
(2026-11-22, TensorFlow 2.21, dim 64), in events a second without and with XLA. The first
two rows are those of ``scripts/benchmark/run.py compiler-…`` (two rounds of four seconds);
the others are single runs of some seconds, before the shapes of batches were made the same
in all epochs, to be measured again:

================================== ======= =======
what                               without    with
================================== ======= =======
attention, MovieLens-1M, softmax    39,800 38,300
attention, MovieLens-1M, sampled    50,700  6,500
attention, Beauty, softmax          16,300 16,800
attention, Beauty, sampled          44,700 47,200
LSTM, Beauty, softmax               16,900 16,800
LSTM, MovieLens-1M, softmax         59,400 48,900
CNN, Beauty, softmax                16,400 15,600
average, Gowalla, sampled          146,300 168,100
================================== ======= =======

XLA gains a sixth at best, may lose much, and takes two to three times as long over the
first step of every shape; so it is not used. On a GPU it could not be measured.
"""

import keras

from recsys.models.retriever import Retriever


def compiles(retriever: Retriever) -> bool:
    """Whether to compile the step of a model on the device that Keras runs on.

    On a GPU all but those whose encoder says that XLA is not for it; unmeasured.
    """
    gpu = any("gpu" in device.lower() for device in keras.distribution.list_devices())
    encoder = retriever.config.query.encoder
    return gpu and (encoder is None or encoder.compiles)
