"""The devices that training runs on, and the memory that they have left."""

from pathlib import Path

import keras

from recsys.errors import InputError

CONTAINER = Path("/sys/fs/cgroup")


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


def free_memory() -> int | None:
    """Bytes that the device has left; a CPU's are main memory's. None where nobody says."""
    backend = keras.backend.backend()
    if backend == "jax":
        free = _free_of_jax()
    elif backend == "tensorflow":
        free = _free_of_tensorflow()
    else:
        free = None
    return _free_main_memory() if free is None else free


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


def _free_main_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":") for line in lines)
    free = int(fields["MemAvailable"].split()[0]) * 1024
    try:
        limit = int((CONTAINER / "memory.max").read_text())
        used = int((CONTAINER / "memory.current").read_text())
        parts = dict(line.split() for line in (CONTAINER / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return free  # no control group, or one without a limit
    # Files that nobody reads any more are given back.
    return min(free, limit - used + int(parts["inactive_file"]))
