"""A trained retriever as a file."""

from pathlib import Path

import keras

from recsys.models.retriever import Retriever
from recsys.system.reading import check_archive

MEND = "Run `recsys train` with the experiment: it makes it again, from its checkpoints"


def load_retriever(file: Path) -> Retriever:
    """Loads a trained model (``.keras``), whichever backend wrote it.

    Raises:
        Damaged: the file is missing, or not what was written.
    """
    check_archive(file, MEND)
    return keras.saving.load_model(file, compile=False)
