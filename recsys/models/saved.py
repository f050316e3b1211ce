"""A trained retriever as a file."""

import zipfile
from pathlib import Path

import keras

from recsys.models.retriever import Retriever
from recsys.reading import Damaged, reading

MEND = "Run `recsys train` with the experiment: it makes it again, from its checkpoints"


def load_retriever(file: Path) -> Retriever:
    """Loads a trained model (``.keras``), whichever backend wrote it.

    Raises:
        Damaged: the file is missing, or not what was written.
    """
    # The archive has a checksum of each of its parts; Keras reads on over a wrong one.
    with reading(file, MEND), zipfile.ZipFile(file) as archive:
        if archive.testzip() is not None:
            raise Damaged(file, MEND)
    return keras.saving.load_model(file, compile=False)
