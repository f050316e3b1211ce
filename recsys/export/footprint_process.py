"""Loads and asks a SavedModel as a server would: ``python -m recsys.export.footprint_process``.

It reads a request from its standard input and prints what it measured; see
:mod:`recsys.export.footprint`, which starts it. It imports TensorFlow and the standard library
alone, as their memory is what a server has, too.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from recsys.system.memory import peak_memory

# Of all timed calls together; a large model is asked less often.
SECONDS = 3.0
FEWEST_CALLS = 20


def main() -> None:
    """Answers one request; ends without a word when there is none."""
    import tensorflow as tf

    given = sys.stdin.read()
    if not given:
        return
    request = json.loads(given)
    before = peak_memory()
    began = time.perf_counter()
    model = tf.saved_model.load(request["folder"])
    signature = model.signatures["serving_default"]
    loaded = time.perf_counter() - began
    queries = [
        {name: _tensor(tf, value) for name, value in query.items()} for query in request["queries"]
    ]
    for query in queries:  # the first call of a shape prepares what later ones reuse
        signature(**query)
    taken = _timed(signature, queries, request["calls"])
    print(
        json.dumps(
            {
                "peak_memory_bytes": peak_memory(),
                "tensorflow_bytes": before,
                "load_seconds": loaded,
                "latency_p50_ms": _percentile(taken, 50),
                "latency_p99_ms": _percentile(taken, 99),
                "calls": len(taken),
                "cpus": _cpus(),
            }
        )
    )


def _timed(signature: Any, queries: list[dict[str, Any]], calls: int) -> list[float]:
    """Milliseconds of each call, in order of size."""
    taken: list[float] = []
    deadline = time.perf_counter() + SECONDS
    while len(taken) < calls and (len(taken) < FEWEST_CALLS or time.perf_counter() < deadline):
        query = queries[len(taken) % len(queries)]
        began = time.perf_counter()
        answer = signature(**query)
        answer["item_id"].numpy()
        answer["score"].numpy()
        taken.append(1000 * (time.perf_counter() - began))
    return sorted(taken)


def _percentile(ordered: list[float], percent: int) -> float:
    """The smallest value that so many per cent of the values do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]


def _tensor(tf: Any, value: Mapping[str, Any]) -> Any:
    return tf.constant(value["values"], value["dtype"], value["shape"])


def _cpus() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main()
