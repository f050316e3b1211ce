#!/usr/bin/env python3
"""Asks TensorFlow Serving, or `recsys serve`, over REST; copy it. Python alone, no package.

    python scripts/clients/rest_client.py http://localhost:8501/v1/models/shop i5 i18 --exclude i3

`/versions/2` or `/labels/canary` behind the model's name asks that version. The token that
`recsys serve` may want is read from TOKEN in the environment.
"""

import argparse
import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence

TIMEOUT_SECONDS = 10


def predict(model: str, signature: str, inputs: dict, token: str = "") -> dict:
    """What a signature answers, in columns.

    Args:
        model: its address, such as http://localhost:8501/v1/models/shop.
        signature: its name.
        inputs: a list of rows for each input.
        token: of `recsys serve`.
    """
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    request = urllib.request.Request(f"{model}:predict", body, {"Content-Type": "application/json"})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            # Python reads the -Infinity of rows with fewer than k answers.
            return json.load(response)["outputs"]
    except urllib.error.HTTPError as error:
        said = json.load(error)["error"]
        raise SystemExit(f"{error.code}: {said}") from error


def padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows of one length, as a request must have them: "" on the right is no event."""
    width = max(map(len, rows), default=0)
    return [[*row, *[""] * (width - len(row))] for row in rows]


def recommend(
    model: str,
    histories: Sequence[Sequence[str]],
    exclude: Sequence[Sequence[str]] = (),
    token: str = "",
) -> list[list[tuple[str, float]]]:
    """Items and scores of each history, best first.

    Args:
        model: its address.
        histories: ids of items, oldest first.
        exclude: of each history, ids that are not wanted; empty: none.
        token: of `recsys serve`.
    """
    inputs = {"history": padded(histories)}
    signature = "serving_default"
    if exclude:
        inputs["exclude"] = padded(exclude)
        signature = "recommend_excluding"
    answer = predict(model, signature, inputs, token)
    pairs = zip(answer["item_id"], answer["score"], strict=True)
    # Rows with fewer answers than the model gives end in "".
    return [
        [(item, score) for item, score in zip(items, scores, strict=True) if item]
        for items, scores in pairs
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="address, such as http://localhost:8501/v1/models/shop")
    parser.add_argument("history", nargs="*", help="ids of items, oldest first")
    parser.add_argument("--exclude", nargs="*", default=[], help="ids that are not wanted")
    given = parser.parse_args()
    exclude = [given.exclude] if given.exclude else []
    token = os.environ.get("TOKEN", "")
    for item, score in recommend(given.model, [given.history], exclude, token)[0]:
        print(f"{score:8.4f}  {item}")


if __name__ == "__main__":
    main()
