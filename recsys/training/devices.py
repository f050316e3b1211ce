"""The devices that training runs on, and the memory that they have left."""

import keras

from recsys.errors import InputError
from recsys.system.memory import main_memory


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


def free_memory() -> int:
    """Bytes that the device has left; a CPU's are main memory's."""
    backend = keras.backend.backend()
    free = None
    if backend == "jax":
        free = _free_of_jax()
    elif backend == "tensorflow":
        free = _free_of_tensorflow()
    return main_memory().free if free is None else free


def _free_of_jax() -> int | None:
    import jax

    statistics = jax.local_devices()[0].memory_stats()
    if not statistics or "bytes_limit" not in statistics:
        return None
    return statistics["bytes_limit"] - statistics["bytes_in_use"]


def _free_of_tensorflow() -> int | None:
    import tensorflow as tf
    from tensorflow.python.client import device_lib

    if not tf.config.list_physical_devices("GPU"):
        return None
    limits = [
        device.memory_limit
        for device in device_lib.list_local_devices()
        if device.device_type == "GPU"
    ]
    return limits[0] - tf.config.experimental.get_memory_info("GPU:0")["current"]
