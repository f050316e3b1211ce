"""Operations that the mathematics of a model asks for, and those of a program.

What is reached of a card is told by the former. XLA's own count takes the body of a loop once,
whatever its length, and knows nothing of the libraries that it calls.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np


def per_event(model: dict[str, Any], outputs: int, context: float) -> int:
    """Floating-point operations of training an event, forward and back.

    Six a weight of a dense layer and position; twelve a dimension and position that attention
    reads (two products, each forward and twice back); six a dimension and item of the softmax.
    Every position predicts one event. What padding costs is not counted, nor is what is not a
    product.

    Args:
        model: an experiment's ``model`` section, all of it written down.
        outputs: items of the softmax: all of them, or the negatives drawn.
        context: positions that a position reads, itself among them; the mean.

    Two blocks of 64 dimensions, with a feed-forward layer as wide, have 6 matrices each:

    >>> encoder = {"kind": "attention", "block": "sasrec", "blocks": 2, "feed_forward": 1}
    >>> model = {"dim": 64, "query": {"encoder": encoder}}
    >>> per_event(model, outputs=100, context=0) == 6 * 2 * 6 * 64**2 + 6 * 64 * 100
    True
    """
    dim, encoder = model["dim"], model["query"]["encoder"]
    softmax = 6 * dim * outputs
    if encoder["kind"] in ("lstm", "gru", "rnn"):
        units = encoder["units"]
        gates = {"lstm": 4, "gru": 3, "rnn": 1}[encoder["kind"]]
        return round(6 * (gates * (dim + units) * units + units * dim) + softmax)
    wide = encoder["feed_forward"]
    # Matrices of dim x dim: query, key, value and output, and the feed-forward layer's; LiGR has
    # a third of those, and two gates; HSTU has a gate, and no feed-forward layer.
    matrices = {"sasrec": 4 + 2 * wide, "ligr": 6 + 3 * wide, "hstu": 5}[encoder["block"]]
    block = 6 * matrices * dim**2 + 12 * dim * context
    return round(encoder["blocks"] * block + softmax)


def mean_context(lengths: np.ndarray) -> float:
    """Positions that a position of causal sequences reads, itself among them; the mean.

    >>> mean_context(np.array([1, 3]))  # 1; 1, 2, 3
    1.75
    """
    lengths = lengths.astype(np.float64)
    return float(np.sum(lengths * (lengths + 1) / 2) / np.sum(lengths))


def of_products(jaxpr: Any) -> int:
    """Floating-point operations of all matrix products of a program of JAX, padding included.

    A loop counts as often as it runs, as far as that is known before: of a ``while`` it is not,
    and its body counts once. Products within kernels, of attention or a library, are not seen.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> def program(matrices, vector):
    ...     return jax.lax.scan(lambda state, each: (each @ state, None), vector, matrices)
    >>> of_products(jax.make_jaxpr(program)(jnp.ones((5, 3, 3)), jnp.ones(3))) == 5 * 2 * 3 * 3
    True
    """
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            summed = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
            total += 2 * summed * math.prod(equation.outvars[0].aval.shape)
            continue
        if equation.primitive.name == "pallas_call":
            continue
        inner = [of_products(each) for each in _programs_in(equation.params.values())]
        if equation.primitive.name == "cond":
            total += max(inner)
        else:
            total += equation.params.get("length", 1) * sum(inner)
    return total


def _programs_in(values: Any) -> Iterator[Any]:
    for value in values:
        if hasattr(value, "eqns"):
            yield value
        elif isinstance(value, tuple | list):
            yield from _programs_in(value)
