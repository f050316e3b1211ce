"""Starts the Keras backend without its start-up chatter."""

import contextlib
import os
import sys
from collections.abc import Iterator

from recsys.errors import InputError
from recsys.system.extras import require

BACKENDS = ("tensorflow", "jax")


def start_backend() -> None:
    """Imports Keras and its backend, and lets the backend look for devices.

    TensorFlow logs to the terminal before it reads its own log level, on every
    machine without a GPU. What it says then is kept from the user; an exception
    is not.

    Raises:
        InputError: ``KERAS_BACKEND`` names a backend that cannot train, or is not installed.
    """
    chosen = os.environ.get("KERAS_BACKEND", "tensorflow")
    if chosen not in BACKENDS:
        raise InputError(f"KERAS_BACKEND is {chosen!r}: training runs on {' or '.join(BACKENDS)}")
    if chosen == "jax":
        require("jax", extra="jax", what="KERAS_BACKEND=jax")
    # Only what ends the process: everything else comes back as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # Its advice on retracing is for those who write graphs.
            tf.get_logger().setLevel("ERROR")
            tf.config.list_physical_devices("GPU")
            tf.constant(0) + 1


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
