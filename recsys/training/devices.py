"""The devices that training runs on."""

import keras

from recsys.errors import InputError


def training_devices() -> int:
    """How many devices share a batch.

    Raises:
        InputError: several GPUs are visible to TensorFlow, which would use one.
    """
    devices = keras.distribution.list_devices()
    if keras.backend.backend() == "tensorflow":
        gpus = [device for device in devices if "gpu" in device.lower()]
        if len(gpus) > 1:
            raise InputError(
                f"{len(gpus)} GPUs are visible, and training on TensorFlow uses one. Train on all "
                "of them with KERAS_BACKEND=jax, or choose one with CUDA_VISIBLE_DEVICES=0."
            )
        return 1
    return len(devices)
