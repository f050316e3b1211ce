"""NVIDIA's cards: whether there is one, why it is not used, and when it is full."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from recsys.errors import InputError

# Where Linux shows them, whether or not CUDA is installed.
CARDS = (Path("/proc/driver/nvidia/gpus"), Path("/dev/nvidia0"))
EXTRAS = {"tensorflow": "cuda", "jax": "jax-cuda"}
FULL = "RESOURCE_EXHAUSTED"

# What JAX said of plug-ins that it could not start.
_reasons: list[str] = []


def find_devices_of_jax() -> None:
    """Lets JAX look for devices, without the traceback of a plug-in that finds none.

    Raises:
        InputError: the platform that ``JAX_PLATFORMS`` asks for cannot be had.
    """
    import jax

    logger = logging.getLogger("jax._src.xla_bridge")
    listener = _Listener()
    logger.addHandler(listener)
    propagates, logger.propagate = logger.propagate, False
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts that a plug-in has started
        said = str(error) or (_reasons[-1] if _reasons else "no reason given")
        raise InputError(
            f"JAX finds no device of JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')} ({said}): "
            "`recsys doctor` shows what is here; without the variable JAX takes what there is"
        ) from None
    finally:
        logger.propagate = propagates
        logger.removeHandler(listener)


def unused_card(backend: str, on_accelerator: bool) -> str | None:
    """Why training would leave this machine's NVIDIA card unused; None: it does not.

    Nothing is said where it is left out on purpose (``CUDA_VISIBLE_DEVICES`` that names none,
    ``JAX_PLATFORMS=cpu``).

    Args:
        backend: of Keras.
        on_accelerator: whether Keras runs on one.
    """
    if on_accelerator or not _has_card() or _is_hidden():
        return None
    said = f" ({_reasons[-1]})" if _reasons else ""
    return (
        f"this machine has an NVIDIA GPU, which {backend} does not see{said}: training runs on the "
        f"CPU. Install `recsys[{EXTRAS[backend]}]`, or a driver as new as its CUDA; "
        "`recsys doctor` shows both. CUDA_VISIBLE_DEVICES= keeps the CPU without this warning"
    )


@contextlib.contextmanager
def naming_full_memory(mend: str) -> Iterator[None]:
    """Within it, an error of a GPU whose memory is full says so in a sentence.

    Args:
        mend: what takes less.

    Raises:
        InputError: there was no memory left.
    """
    try:
        yield
    except Exception as error:
        text = str(error)
        if not (text.startswith(FULL) or type(error).__name__ == "ResourceExhaustedError"):
            raise
        first = text.splitlines()[0].removeprefix(f"{FULL}: ")
        raise InputError(
            f"the GPU's memory is full: {first}. See with `nvidia-smi` whether another process "
            f"holds it, choose another card with CUDA_VISIBLE_DEVICES, or {mend}"
        ) from error


class _Listener(logging.Handler):
    """Keeps the last line of what goes wrong."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.WARNING:
            _reasons.append(str(error or record.getMessage()).splitlines()[0])


def _has_card() -> bool:
    return any(path.exists() for path in CARDS)


def _is_hidden() -> bool:
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return asked in ("", "-1") or platforms.split(",")[0] == "cpu"
