"""A trained retriever as a file."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import keras

from recsys.models.retriever import Retriever
from recsys.system.files import atomic_path
from recsys.system.reading import check_archive

MEND = "Run `recsys train` with the experiment: it makes it again, from its checkpoints"


def save_retriever(retriever: Retriever, file: Path) -> None:
    """Writes a trained model (``.keras``), in float32."""
    with atomic_path(file, private=True) as temporary, _without_tensorflow():
        retriever.in_float32().save(temporary)


def load_retriever(file: Path) -> Retriever:
    """Loads a trained model (``.keras``), whichever backend wrote it.

    Raises:
        Damaged: the file is missing, or not what was written.
    """
    check_archive(file, MEND)
    with _without_tensorflow():
        return keras.saving.load_model(file, compile=False)


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    """On JAX, Keras imports TensorFlow only to see that nothing of it is in a model: 8 seconds."""
    if keras.backend.backend() == "tensorflow" or "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["tensorflow"]
