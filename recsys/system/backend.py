"""Starts the Keras backend without its start-up chatter."""

import contextlib
import logging
import os
import sys

from recsys.errors import InputError
from recsys.system.compilation import start_compilation
from recsys.system.extras import require
from recsys.system.gpus import find_devices_of_jax
from recsys.system.lean_keras import lean_keras
from recsys.system.processes import current
from recsys.system.processes.asked import Asked, asked_for
from recsys.system.processor import has_instructions
from recsys.system.silence import STDERR, silent
from recsys.system.wording import in_shell

logger = logging.getLogger(__name__)

BACKENDS = ("tensorflow", "jax")
# Of the training step, and of the model's prediction in evaluation.
OUR_GRAPHS = ("TensorFlowStep.", "TensorFlowTrainer.make_predict_function.")


def start_backend(together: bool = False) -> None:
    """Imports Keras and its backend, and lets the backend look for devices.

    TensorFlow logs to the terminal before it reads its own log level, on every
    machine without a GPU. What it prints then is kept from the user; an exception
    is not. A process that has imported the libraries keeps them as they are.

    Args:
        together: what follows can be done by several processes, where the environment asks for
            them (:func:`recsys.system.processes.asked.asked_for`): wait for the others.

    Raises:
        InputError: ``KERAS_BACKEND`` names a backend that cannot train, is not installed, or
            comes too late; TensorFlow does not run eagerly; JAX has no device of the kind
            that ``JAX_PLATFORMS`` asks for; or several processes are asked for, and not as they
            should be.
        GroupEnded: the other processes do not come.
    """
    asked = asked_for() if together else None
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen is not None and chosen not in BACKENDS:
        raise InputError(f"KERAS_BACKEND is {chosen!r}: training runs on {' or '.join(BACKENDS)}")
    if chosen == "jax":
        require("jax", extra="jax", what="KERAS_BACKEND=jax")
    if "keras" not in sys.modules:
        _import_quietly()
    runs = _runs()
    if runs not in BACKENDS:
        raise InputError(
            f"Keras runs on {runs!r} here, and training on {' or '.join(BACKENDS)}: set "
            "KERAS_BACKEND before Keras is first imported (in a notebook, restart the kernel)"
        )
    if chosen is not None and chosen != runs:
        raise InputError(
            f"KERAS_BACKEND is {chosen!r}, but Keras was imported before with {runs!r}: set it "
            "before Keras is first imported (in a notebook, restart the kernel)"
        )
    if asked is not None and runs != "jax":
        raise InputError(
            f"{asked.said_by} asks for {asked.count} processes, and training on TensorFlow is done "
            "by one: set KERAS_BACKEND=jax, or start it once"
        )
    if runs == "jax":
        if asked is not None:
            _start_together(asked)
        start_compilation()
        find_devices_of_jax()
    if runs == "tensorflow":
        import tensorflow as tf

        if not tf.executing_eagerly():
            raise InputError(
                "TensorFlow does not run eagerly here (tf.compat.v1.disable_eager_execution was "
                "called, or a graph is open), and training needs that: restart without it"
            )
        tf.get_logger().addFilter(_is_not_about_our_graphs)  # once, however often it is called


def _start_together(asked: Asked) -> None:
    """Joins the other processes; once is enough."""
    if current.count() > 1:
        return
    import jax
    import keras

    import recsys

    group = current.join(asked)
    if not group.is_first and in_shell():
        # The first one speaks. Libraries write there, too.
        sys.stdout.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
    from recsys.system.processes.start_jax import start_jax

    versions = {"recsys": recsys.__version__, "jax": jax.__version__, "keras": keras.__version__}
    with group.explained():
        group.agree("versions", versions)
        start_jax(asked, group, current.timeout())
        devices = jax.local_devices()
        group.agree("devices", {"devices": f"{len(devices)} x {devices[0].device_kind}"})
    logger.info(
        "%d processes train together (%s), on %d devices: %s",
        *(group.count, asked.said_by, len(jax.devices()), ", ".join(group.names)),
    )


def _is_not_about_our_graphs(record: logging.LogRecord) -> bool:
    """Leaves out TensorFlow's advice on retracing: few shapes are traced, and none twice."""
    text = record.getMessage()
    return "function retracing" not in text or not any(name in text for name in OUR_GRAPHS)


def _runs() -> str:
    """The backend of Keras, which is imported."""
    import keras

    return keras.backend.backend()


def _import_quietly() -> None:
    # Only what ends the process: everything else comes back as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if has_instructions("avx2"):
        # TensorFlow turns oneDNN on by itself where there is AVX-512. With AVX2 alone, ranking
        # went from 3,578 to 7,079 users/s, and attention on MovieLens-1M from 14.7 to 18.0
        # thousand events/s (scripts/benchmark/run.py on two such cores, 2026-11-27).
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # On the command line nobody but an encoder of one's own uses Keras beside us.
    with silent(STDERR), lean_keras() if in_shell() else contextlib.nullcontext():
        brought = "tensorflow" not in sys.modules
        if _runs() == "tensorflow":
            import tensorflow as tf

            if brought:  # its advice on retracing is for writers of graphs
                tf.get_logger().setLevel("ERROR")
            tf.config.list_physical_devices("GPU")
            tf.constant(0) + 1
