#!/usr/bin/env python3
"""Asks TensorFlow Serving over gRPC; copy it. Needs tensorflow-serving-api (and TensorFlow).

python scripts/clients/grpc_client.py localhost:8500 shop i5 i18 --exclude i3 --label canary
"""

import argparse
from collections.abc import Sequence

import grpc
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

TIMEOUT_SECONDS = 10


def request_for(
    model: str, signature: str, inputs: dict[str, list[list[str]]], label: str = ""
) -> PredictRequest:
    """A request for one row or several of one length.

    Args:
        model: its name.
        signature: its name.
        inputs: rows of each input.
        label: of the version, such as ``stable``; the newest that is loaded without.
    """
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if label:
        request.model_spec.version_label = label
    for name, rows in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(rows, tf.string))
    return request


def recommend(
    address: str, model: str, history: Sequence[str], exclude: Sequence[str] = (), label: str = ""
) -> list[tuple[str, float]]:
    """Items and scores for a history, best first."""
    inputs = {"history": [list(history)], "exclude": [list(exclude)]}
    request = request_for(model, "recommend_excluding", inputs, label)
    with grpc.insecure_channel(address) as channel:
        answer = PredictionServiceStub(channel).Predict(request, timeout=TIMEOUT_SECONDS)
    items = tf.make_ndarray(answer.outputs["item_id"])[0]
    scores = tf.make_ndarray(answer.outputs["score"])[0]
    # A row with fewer answers than the model gives ends in "" and minus infinity.
    pairs = zip(items, scores, strict=True)
    return [(item.decode(), float(score)) for item, score in pairs if item]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="host and port, such as localhost:8500")
    parser.add_argument("model", help="its name")
    parser.add_argument("history", nargs="*", help="ids of items, oldest first")
    parser.add_argument("--exclude", nargs="*", default=[], help="ids that are not wanted")
    parser.add_argument("--label", default="", help="of the version, such as canary")
    given = parser.parse_args()
    found = recommend(given.address, given.model, given.history, given.exclude, given.label)
    for item, score in found:
        print(f"{score:8.4f}  {item}")


if __name__ == "__main__":
    main()
