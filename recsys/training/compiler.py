"""Whether XLA compiles a model's step on TensorFlow.

On JAX every step is compiled. On TensorFlow it was measured on two CPU cores (2026-11-22,
TensorFlow 2.21, dim 64, events a second without and with XLA, medians of 2 to 3 runs; then
the seconds of the first steps of every shape):

=============================== ======== ======== ===== =====
what                             without     with     s     s
=============================== ======== ======== ===== =====
attention, Beauty, softmax        16,300   16,800     5     9
attention, Beauty, sampled        44,700   47,200     6    16
attention, MovieLens-1M, softmax  39,600   35,200     9    17
LSTM, Beauty, softmax             16,900   16,800    10    20
LSTM, MovieLens-1M, softmax       59,400   48,900    15    29
CNN, Beauty, softmax              16,400   15,600    19    39
average, Gowalla, sampled        146,300  168,100    13    22
=============================== ======== ======== ===== =====

What XLA gains there is within the noise of the machine, or less than its compilation
costs; so it is not used. On a GPU it could not be measured.
"""

import keras

from recsys.models.query.recurrent import RecurrentConfig
from recsys.models.retriever import Retriever


def compiles(retriever: Retriever) -> bool:
    """Whether to compile the step of a model on the device that Keras runs on.

    On a GPU all but recurrent models, whose fused cuDNN kernels XLA cannot take in
    (as Keras decides, too); unmeasured.
    """
    gpu = any("gpu" in device.lower() for device in keras.distribution.list_devices())
    return gpu and not isinstance(retriever.config.query.encoder, RecurrentConfig)
