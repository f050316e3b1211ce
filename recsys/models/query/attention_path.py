"""How attention is computed: by a kernel, block by block, or with all weights at once."""

import os
from typing import Any, Literal

import keras

from recsys.errors import InputError
from recsys.system.devices import oldest_capability, on_accelerator

AttentionPath = Literal["plain", "blocked", "fused"]
VARIABLE = "RECSYS_ATTENTION"
# Positions of a block of queries. In lanes of up to two blocks, the weights kept for the backward
# pass take no more memory than the vectors (heads of 64 numbers): reading twice gains nothing.
BLOCK = 128
LONGEST_PLAIN = 2 * BLOCK
# Triton compiles for Ampere and what came after it.
OLDEST_CAPABILITY = 8.0


def attention_path(config: Any, dim: int, length: int, dtype: str, training: bool) -> AttentionPath:
    """How attention is computed here.

    =========== ====================================================================================
    path        where
    =========== ====================================================================================
    ``fused``   JAX on NVIDIA cards of compute capability 8.0 or more, for what the kernel can do:
                a softmax of products alone (no ``block: hstu``, relative positions, ``times``, or
                ``attention_dropout`` in training), heads of at most 128 numbers in bfloat16 and
                64 in float32
    ``blocked`` JAX on accelerators otherwise, where lanes are longer than 256 positions
    ``plain``   all else: TensorFlow and with it the export, CPUs, short lanes; and everywhere if
                the environment variable ``RECSYS_ATTENTION`` is ``plain``
    =========== ====================================================================================

    It is decided while a model is traced, by the devices that JAX computes on unless told
    otherwise. ``jax.lax.platform_dependent`` would decide when the program is lowered, but what is
    differentiated through it hands on to the backward pass what either path keeps: the weights
    that the kernel is there to do without.

    Args:
        config: a :class:`recsys.models.query.attention_blocks.BlockConfig`.
        dim: width of the vectors.
        length: positions of a lane.
        dtype: what products are computed in.
        training: whether dropout is on.

    Raises:
        InputError: ``RECSYS_ATTENTION`` is something else than ``plain`` or ``auto``.
    """
    chosen = os.environ.get(VARIABLE, "auto")
    if chosen not in ("auto", "plain"):
        raise InputError(f"{VARIABLE} is {chosen!r}: it can be 'auto' or 'plain'")
    if chosen == "plain" or keras.backend.backend() != "jax" or not on_accelerator():
        return "plain"
    from recsys.models.query import attention_jax

    biased = config.positions != "absolute" or config.times
    dropped = training and config.attention_dropout > 0
    possible = config.softmax and not biased and not dropped
    known = (oldest_capability() or 0.0) >= OLDEST_CAPABILITY
    if possible and known and attention_jax.fits(dim // config.heads, dtype):
        return "fused"
    return "blocked" if length > LONGEST_PLAIN else "plain"
