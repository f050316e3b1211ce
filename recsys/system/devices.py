"""The kind of device that Keras runs on."""

import keras


def on_accelerator() -> bool:
    """Whether Keras runs on a GPU or TPU: shapes are dear there, and padding is cheap.

    What is compiled for a GPU takes seconds, and a CPU computes as long as there are numbers.
    """
    return any("cpu" not in device.lower() for device in keras.distribution.list_devices())
