"""The device that Keras runs on."""

import re

import keras

from recsys.system.processor import processor_name


def on_accelerator() -> bool:
    """Whether Keras runs on a GPU or TPU: shapes are dear there, and padding is cheap.

    What is compiled for a GPU takes seconds, and a CPU computes as long as there are numbers.
    """
    return any("cpu" not in device.lower() for device in keras.distribution.list_devices())


def device_name() -> str:
    """The cards that Keras runs on, such as ``2 x NVIDIA H200``, or else the processor."""
    names = _accelerators()
    if not names:
        return processor_name()
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())


def _accelerators() -> list[str]:
    """The names of the cards that Keras runs on."""
    if not on_accelerator():
        return []
    if keras.backend.backend() == "jax":
        import jax

        return [each.device_kind for each in jax.local_devices()]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        details = tf.config.experimental.get_device_details
        cards = tf.config.list_physical_devices("GPU")
        return [details(card).get("device_name", "GPU") for card in cards]
    return keras.distribution.list_devices()


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
