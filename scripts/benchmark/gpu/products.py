"""What the card can do: a matrix product, and a pass over memory."""

import time
from collections.abc import Callable
from typing import Any

from ours import device_of, start
from worker import Task


def measure(task: Task) -> dict[str, Any]:
    """Operations and bytes a second, of a product of squares and of a sum over two arrays."""
    start(task)
    import jax
    import jax.numpy as jnp

    side, elements = task.settings["side"], task.settings["elements"]
    product = jax.jit(jnp.matmul)
    squares = {
        name: jax.random.normal(jax.random.key(0), (side, side), name)
        for name in ("bfloat16", "float32")
    }
    total = jax.jit(jnp.add)
    array = jnp.ones(elements, "float32")

    def repeated(work: Callable[[], jax.Array]) -> float:
        """Seconds of one of many calls."""
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < task.settings["seconds"]:
            for _ in range(10):
                result = work()
            result.block_until_ready()
            calls += 10
        return (time.perf_counter() - began) / calls

    works: dict[str, Callable[[], jax.Array]] = {
        "bfloat16": lambda: product(squares["bfloat16"], squares["bfloat16"]),
        "float32": lambda: product(squares["float32"], squares["float32"]),
        "memory": lambda: total(array, array),
    }
    for work in works.values():
        work().block_until_ready()
    task.ready()
    seconds = {name: repeated(work) for name, work in works.items()}
    return {
        "bfloat16_tflops": 2 * side**3 / seconds["bfloat16"] / 1e12,
        "float32_tflops": 2 * side**3 / seconds["float32"] / 1e12,
        # Read once (both arguments are one array), written once.
        "memory_gb_per_second": 2 * array.nbytes / seconds["memory"] / 1e9,
        "device": device_of(),
    }
