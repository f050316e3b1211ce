"""What a published model answers by: its signatures, whatever runs them."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from recsys.export.manifest import describe_signatures

Arrays = dict[str, np.ndarray]


class Signatures(Protocol):
    """The signatures of a model as a caller without this package would ask them."""

    def describe(self) -> dict[str, Any]:
        """See :func:`recsys.export.manifest.describe_signatures`."""
        ...

    def call(self, signature: str, inputs: Arrays) -> Arrays:
        """What a signature answers, by the names of its outputs; text as bytes."""
        ...


class SavedSignatures:
    """Those of a SavedModel, by TensorFlow.

    Args:
        folder: of the SavedModel.

    Attributes:
        signatures: as TensorFlow loaded them.
    """

    def __init__(self, folder: Path) -> None:
        self.signatures = tf.saved_model.load(str(folder)).signatures

    def describe(self) -> dict[str, Any]:
        return describe_signatures(self.signatures)

    def call(self, signature: str, inputs: Arrays) -> Arrays:
        outputs = self.signatures[signature](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        return {name: value.numpy() for name, value in outputs.items()}
