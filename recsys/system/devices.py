"""The kind of device that Keras runs on."""

import re

import keras


def on_accelerator() -> bool:
    """Whether Keras runs on a GPU or TPU: shapes are dear there, and padding is cheap.

    What is compiled for a GPU takes seconds, and a CPU computes as long as there are numbers.
    """
    return any("cpu" not in device.lower() for device in keras.distribution.list_devices())


def oldest_capability() -> float | None:
    """The compute capability of the oldest of the NVIDIA cards that Keras runs on.

    Returns:
        8.0, say, of Ampere; None where it runs on anything else.
    """
    backend = keras.backend.backend()
    found: list[str] = []
    if backend == "jax":
        import jax

        # A CPU has none, and an AMD card a name.
        found = [str(getattr(each, "compute_capability", "")) for each in jax.local_devices()]
    elif backend == "tensorflow":
        import tensorflow as tf

        for card in tf.config.list_physical_devices("GPU"):
            details = tf.config.experimental.get_device_details(card)
            found.append(".".join(map(str, details.get("compute_capability", ()))))
    if not found or not all(re.fullmatch(r"\d+\.\d+", each) for each in found):
        return None
    return min(map(float, found))
