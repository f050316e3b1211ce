"""The devices that training runs on, and the memory that they have left."""

from dataclasses import dataclass

import keras

from recsys.data.batches.training_batches import TrainingBatches
from recsys.errors import InputError
from recsys.system.devices import on_accelerator
from recsys.system.memory import main_memory, resident_memory

# Of the device's free memory, what the dataset may take.
LARGEST_SHARE = 0.25


@dataclass(frozen=True)
class MemoryInUse:
    """Memory that is taken now.

    Attributes:
        bytes: how much.
        of: whose: ``device memory`` of an accelerator, or ``memory`` of this process.
    """

    bytes: int
    of: str


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


def gathers_batches(batches: TrainingBatches) -> bool:
    """Whether the device holds the dataset and gathers its batches itself.

    On JAX and one accelerator, where the dataset takes little of its memory. A CPU would gather
    within the step what it assembles beside it.

    Args:
        batches: of the training.
    """
    if keras.backend.backend() != "jax" or training_devices() > 1 or not on_accelerator():
        return False
    data = batches.data(batches.sample(0))
    return data is not None and sum(each.nbytes for each in data.values()) <= (
        LARGEST_SHARE * free_memory()
    )


def free_memory() -> int:
    """Bytes that the device has left; a CPU's are main memory's."""
    backend = keras.backend.backend()
    free = None
    if backend == "jax":
        free = _free_of_jax()
    elif backend == "tensorflow":
        free = _free_of_tensorflow()
    return main_memory().free if free is None else free


def peak_device_memory() -> int | None:
    """Bytes of the first accelerator that were in use at most; None: a CPU, or it does not tell."""
    if not on_accelerator():
        return None
    if keras.backend.backend() == "jax":
        import jax

        return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None


def memory_in_use() -> MemoryInUse:
    """What is taken of the first accelerator now; what this process holds where there is none.

    Asking takes microseconds, and waits for no computation.
    """
    if on_accelerator():
        used = None
        if keras.backend.backend() == "jax":
            import jax

            used = (jax.local_devices()[0].memory_stats() or {}).get("bytes_in_use")
        elif keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            used = tf.config.experimental.get_memory_info("GPU:0")["current"]
        if used is not None:
            return MemoryInUse(used, "device memory")
    return MemoryInUse(resident_memory(), "memory")


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
