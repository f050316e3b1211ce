"""The graphs of a folder, asked by ONNX Runtime."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from recsys.export.inputs import id_matrix
from recsys.export.signatures import Arrays

TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}


class OnnxSignatures:
    """Answers as a SavedModel does, on the CPU.

    Args:
        folder: of the graphs.
        names: of those to load.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._sessions = {
            name: onnxruntime.InferenceSession(
                str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"]
            )
            for name in names
        }

    def describe(self) -> dict[str, Any]:
        """Names, types and shapes (None = any) of every graph's inputs and outputs."""
        return {
            name: {
                "inputs": _described(session.get_inputs()),
                "outputs": _described(session.get_outputs()),
            }
            for name, session in sorted(self._sessions.items())
        }

    def call(self, signature: str, inputs: Arrays) -> Arrays:
        """What a graph answers, by the names of its outputs; ids as bytes.

        Args:
            signature: name of the graph.
            inputs: as the SavedModel takes them. A text is cut into its words, which a graph reads.
        """
        session = self._sessions[signature]
        given = dict(inputs)
        for each in session.get_inputs():
            if len(each.shape) > inputs[each.name].ndim:
                given[each.name] = id_matrix([text.split() for text in inputs[each.name]])
        names = [each.name for each in session.get_outputs()]
        answers = dict(zip(names, session.run(names, given), strict=True))
        return {
            name: np.vectorize(str.encode, otypes=[object])(found)
            if found.dtype == object
            else found
            for name, found in answers.items()
        }


def _described(nodes: Iterable[Any]) -> dict[str, Any]:
    return {
        node.name: {
            "dtype": TYPES.get(node.type, node.type.removeprefix("tensor(").removesuffix(")")),
            "shape": [size if isinstance(size, int) else None for size in node.shape],
        }
        for node in sorted(nodes, key=lambda node: node.name)
    }
