"""Warm-up requests, decoded by hand as protobuf wire format."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from recsys.export.warmup import FILE, prediction_log


def decode(message: bytes) -> dict[int, list[bytes]]:
    """Length-delimited fields of a protobuf message, by number."""
    fields: dict[int, list[bytes]] = {}
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        assert key & 7 == 2, "only length-delimited fields are expected"
        length, position = varint(message, position)
        fields.setdefault(key >> 3, []).append(message[position : position + length])
        position += length
    return fields


def varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def parse(log: bytes) -> tuple[str, dict[str, np.ndarray]]:
    """Signature name and inputs, by the field numbers of TensorFlow Serving's .proto files."""
    predict_log = decode(log)[6][0]
    request = decode(decode(predict_log)[1][0])
    signature = decode(request[1][0])[3][0].decode()
    inputs = {}
    for entry in map(decode, request[2]):
        tensor = tf.make_ndarray(TensorProto.FromString(entry[2][0]))
        inputs[entry[1][0].decode()] = tensor
    return signature, inputs


def test_a_request_is_a_prediction_log():
    history = np.array([["fig", "日本茶"]], object)
    log = prediction_log("embed_query", {"history": history, "age": np.float32([3.5])})
    signature, inputs = parse(log.SerializeToString())
    assert signature == "embed_query"
    assert inputs["history"].tolist() == [[b"fig", "日本茶".encode()]]
    assert inputs["age"].tolist() == [3.5]


def test_the_exported_requests_can_be_replayed(exports):
    folder = exports["two_tower"].folder
    signatures = tf.saved_model.load(str(folder)).signatures
    records = list(tf.data.TFRecordDataset(str(folder / FILE)).as_numpy_iterator())
    requests = [parse(record) for record in records]
    assert [signature for signature, _ in requests] == [
        "serving_default",
        "recommend_excluding",
        "embed_query",
        "recommend_filtered",
    ]
    assert requests[-1][1].keys() - requests[1][1].keys() == {"category", "genres", "price"}
    for signature, inputs in requests:
        signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
