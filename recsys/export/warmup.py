"""Warm-up requests that TensorFlow Serving replays before it takes traffic.

The file ``assets.extra/tf_serving_warmup_requests`` holds one
``tensorflow.serving.PredictionLog`` per TFRecord. Its message types come with
the package tensorflow-serving-api, a large dependency for three of them, so
the few fields in use are declared here, with the numbers of
``tensorflow_serving/apis/{prediction_log,predict,model}.proto``.
See https://www.tensorflow.org/tfx/serving/saved_model_warmup.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FILE = "assets.extra/tf_serving_warmup_requests"

# Only numbers and types travel. A package name of our own keeps out of the way
# of tensorflow-serving-api in a process that imports both.
_PACKAGE = "recsys.warmup"
_FIELD = descriptor_pb2.FieldDescriptorProto


def write_warmup_requests(
    folder: Path, requests: Iterable[tuple[str, Mapping[str, np.ndarray]]]
) -> None:
    """Writes the warm-up file of a SavedModel.

    Args:
        folder: the SavedModel's folder.
        requests: signature name and inputs of each request.
    """
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, inputs in requests:
            writer.write(prediction_log(signature, inputs).SerializeToString())


def prediction_log(signature: str, inputs: Mapping[str, np.ndarray]) -> Any:
    """One request as a ``PredictionLog`` message."""
    log = _prediction_log_class()()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


@cache
def _prediction_log_class() -> Any:
    pool = descriptor_pool.Default()
    file = descriptor_pb2.FileDescriptorProto(
        name="recsys/warmup.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=["tensorflow/core/framework/tensor.proto"],
    )
    _add_message(file, "ModelSpec", [("signature_name", 3, None)])
    request = _add_message(file, "PredictRequest", [("model_spec", 1, f".{_PACKAGE}.ModelSpec")])
    _add_inputs_map(request)
    _add_message(file, "PredictLog", [("request", 1, f".{_PACKAGE}.PredictRequest")])
    _add_message(file, "PredictionLog", [("predict_log", 6, f".{_PACKAGE}.PredictLog")])
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.PredictionLog"))


def _add_message(
    parent: Any, name: str, fields: Iterable[tuple[str, int, str | None]]
) -> descriptor_pb2.DescriptorProto:
    """Declares a message whose fields are messages of a type, or text (None)."""
    message = parent.message_type.add(name=name)
    _add_fields(message, fields)
    return message


def _add_fields(
    message: descriptor_pb2.DescriptorProto, fields: Iterable[tuple[str, int, str | None]]
) -> None:
    for name, number, type_name in fields:
        message.field.add(
            name=name,
            number=number,
            label=_FIELD.LABEL_OPTIONAL,
            type=_FIELD.TYPE_STRING if type_name is None else _FIELD.TYPE_MESSAGE,
            type_name=type_name,
        )


def _add_inputs_map(request: descriptor_pb2.DescriptorProto) -> None:
    """``map<string, tensorflow.TensorProto> inputs = 2``: a map is repeated entries."""
    entry = request.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    _add_fields(entry, [("key", 1, None), ("value", 2, ".tensorflow.TensorProto")])
    request.field.add(
        name="inputs",
        number=2,
        label=_FIELD.LABEL_REPEATED,
        type=_FIELD.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.PredictRequest.InputsEntry",
    )
