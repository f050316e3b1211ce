"""Attention on JAX without a weight for every pair of positions: one kernel, or block by block.

The kernel is the one that comes with JAX, ``jax.experimental.pallas.ops.gpu.attention.mha``,
FlashAttention-2 (Dao, 2023) compiled by Triton for forward and backward. What else there is, as of
JAX 0.10 and 0.11:

- cuDNN's, ``jax.nn.dot_product_attention(implementation="cudnn")``: public arguments cannot say
  where packed sequences begin, so that a mask [B, 1, L, L] would have to be sent as a bias; it
  computes in half precision only, and it is neither traced nor tested without its library.
- ``tokamax``, which JAX names as the successor of its own kernels: it depends on Flax, Orbax and
  clients of Google's cloud.

JAX 0.11 deprecates Pallas's compilation by Triton, and a later one will remove it: the bound of
JAX in ``pyproject.toml`` may only be raised after another kernel has been put in here.

Legend of shapes: B lanes, H heads, L positions, E width of a head, Q positions of a block.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

# Positions of a tile; of the backward pass, which holds more of each position, at most as many.
TILE, BACKWARD_TILE = 64, 32
# The narrowest matrices that Triton multiplies.
NARROWEST_HEAD = 16
# Bytes of a head whose tiles, two of keys and two of values while the next are loaded, fit the
# shared memory of a multiprocessor, 99 KiB on the smallest cards.
WIDEST_HEAD = 256
# The axis that lanes are shared out along, where the mesh in force has it.
BATCH_AXIS = "batch"


def fits(width: int, dtype: str) -> bool:
    """Whether the kernel's tiles of heads of this width fit a card."""
    # Widths are filled up to a power of two.
    padded = max(NARROWEST_HEAD, 1 << (width - 1).bit_length())
    return padded * jnp.dtype(dtype).itemsize <= WIDEST_HEAD


def fused_attention(query_BHLE, key_BHLE, value_BHLE, segment_ids_BL=None, interpret: bool = False):
    """Each position's mean of the values of its past, weighted by the softmax of scaled products.

    Softmax and sums are float32 whatever the dtype. In float32 the products are TensorFloat-32,
    as XLA's own are on these cards.

    Args:
        query_BHLE: float32 or bfloat16.
        key_BHLE: likewise.
        value_BHLE: likewise.
        segment_ids_BL: int32, the sequence of each position; None: each lane is one.
        interpret: run the kernel's Python instead of compiling it, on any device.

    Returns:
        [B, H, L, E] in the dtype of the arguments.
    """
    attend = partial(_attend, interpret=interpret)
    arguments = (query_BHLE, key_BHLE, value_BHLE, segment_ids_BL)
    devices = jax.sharding.get_abstract_mesh().shape.get(BATCH_AXIS, 1)
    if devices == 1 or query_BHLE.shape[0] % devices:
        return attend(*arguments)
    # The compiler cannot look into a kernel: it would gather all lanes on each device.
    lanes = PartitionSpec(BATCH_AXIS)
    return jax.shard_map(attend, in_specs=lanes, out_specs=lanes, check_vma=False)(*arguments)


def _attend(query_BHLE, key_BHLE, value_BHLE, segment_ids_BL, interpret: bool):
    # It asks the devices of the process what they are, and JAX 0.11 warns of it.
    from jax.experimental.pallas.ops.gpu import attention

    length, width = query_BHLE.shape[2:]
    tile = min(TILE, max(NARROWEST_HEAD, 1 << (length - 1).bit_length()))
    # What fills up comes after all queries, so that none of them looks at it.
    positions, features = -length % tile, max(0, NARROWEST_HEAD - width)
    query, key, value = (
        jnp.pad(jnp.swapaxes(each, 1, 2), ((0, 0), (0, positions), (0, 0), (0, features)))
        for each in (query_BHLE, key_BHLE, value_BHLE)
    )
    if segment_ids_BL is not None:
        segment_ids_BL = jnp.pad(segment_ids_BL, ((0, 0), (0, positions)))
    backward = min(BACKWARD_TILE, tile)
    attended = attention.mha(
        query,
        key,
        value,
        segment_ids_BL,
        sm_scale=width**-0.5,
        causal=True,
        block_sizes=attention.BlockSizes(tile, tile, backward, backward, backward, backward),
        interpret=interpret,
    )
    return jnp.swapaxes(attended[:, :length, :, :width], 1, 2)


def in_blocks(read: Callable, query_BHLE, size: int, seed=None):
    """What queries read, a block of them after the other.

    Of a block only the queries are kept for the backward pass, which reads it again: memory grows
    with L, and not with its square.

    Args:
        read: of queries [B, H, Q, E], their positions, int32 [Q], and a seed or None, what they
            read, [B, H, Q, E].
        query_BHLE: all queries.
        size: Q, positions of a block.
        seed: a key of JAX's; each block is given another that follows from it.

    Returns:
        [B, H, L, E].
    """
    lanes, heads, length, width = query_BHLE.shape
    blocks = -(-length // size)
    padded = jnp.pad(query_BHLE, ((0, 0), (0, 0), (0, -length % size), (0, 0)))
    queries = jnp.moveaxis(padded.reshape(lanes, heads, blocks, size, width), 2, 0)

    # Within a loop nothing can be merged with what is computed outside of it.
    @partial(jax.checkpoint, prevent_cse=False)
    def block(index, query_BHQE):
        # What fills up the last block stands for the last position: it looks at something.
        positions = jnp.minimum(index * size + jnp.arange(size), length - 1)
        key = None if seed is None else jax.random.fold_in(seed, index)
        return read(query_BHQE, positions, key)

    read_blocks = jax.lax.map(lambda each: block(*each), (jnp.arange(blocks), queries))
    joined = jnp.moveaxis(read_blocks, 0, 2)
    return joined.reshape(lanes, heads, blocks * size, -1)[:, :, :length]
