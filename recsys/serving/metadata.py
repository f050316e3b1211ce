"""What a model takes and gives, as TensorFlow Serving's `GetModelMetadata` says it in JSON."""

from collections.abc import Mapping
from typing import Any

TYPES = {
    "string": "DT_STRING",
    "float32": "DT_FLOAT",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "bool": "DT_BOOL",
}
SIGNATURE_MAP = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


def describe_model(name: str, version: str, signatures: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a ``GetModelMetadataResponse``.

    Args:
        name: of the model.
        version: its number.
        signatures: as the manifest describes them.
    """
    described = {
        signature: {
            "inputs": _tensors(found["inputs"]),
            "outputs": _tensors(found["outputs"]),
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
        for signature, found in signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": version},
        "metadata": {
            "signature_def": {"@type": SIGNATURE_MAP, "signature_def": described},
        },
    }


def _tensors(specs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "dtype": TYPES[spec["dtype"]],
            "tensor_shape": {
                "dim": [
                    {"size": str(-1 if size is None else size), "name": ""}
                    for size in spec["shape"]
                ],
                "unknown_rank": False,
            },
            "name": name,
        }
        for name, spec in specs.items()
    }
