"""Every path of attention says the same, leaks nothing, and holds what it should.

Run on JAX by ``test_attention_jax.py``. The kernel's Python is interpreted, and blocks are short.
"""

from functools import partial

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from recsys.models.dropout import drop
from recsys.models.query import attention, attention_blocks, attention_jax
from recsys.models.query.attention import AttentionConfig
from recsys.models.query.frequency import FrequencyConfig

LANES, LENGTH, DIM, BLOCK = 4, 37, 48, 16
GENERATOR = np.random.default_rng(0)
HISTORY = GENERATOR.normal(size=(LANES, LENGTH, DIM)).astype(np.float32)
# Ragged sequences, one of a single position; a lane filled up at its end, one wholly; one full.
SEGMENTS = np.full((LANES, LENGTH), -1, np.int32)
SEGMENTS[0] = np.repeat([0, 1, 2, 3], [5, 1, 20, 11])
SEGMENTS[1, :20] = np.repeat([4, 5], [17, 3])
SEGMENTS[3] = 6
POSITIONS = np.zeros_like(SEGMENTS)
for lane in range(LANES):
    for place in range(1, LENGTH):
        same = SEGMENTS[lane, place] == SEGMENTS[lane, place - 1]
        POSITIONS[lane, place] = POSITIONS[lane, place - 1] + 1 if same else 0
TIMES = (POSITIONS * 1000 + GENERATOR.integers(0, 1000, POSITIONS.shape)).astype(np.int32)
PACKED = {"segment_ids_BL": SEGMENTS, "position_ids_BL": POSITIONS}
FUSED = [{}, {"block": "ligr", "heads": 6}, {"heads": 3}, {"kind": "frequency"}]
BLOCKED = [
    {"positions": "both", "times": True},
    {"block": "ligr", "positions": "relative"},
    {"block": "hstu", "positions": "both", "times": True, "heads": 3},
    {"kind": "frequency", "positions": "both"},
]
CASES = [("fused", config) for config in FUSED] + [("blocked", config) for config in BLOCKED]
FEW = [CASES[0], ("blocked", BLOCKED[0])]


@pytest.fixture
def take(monkeypatch):
    """Makes encoders take a path."""
    fused = partial(attention_jax.fused_attention, interpret=True)
    monkeypatch.setattr(attention_jax, "fused_attention", fused)
    monkeypatch.setattr(attention_blocks, "BLOCK", BLOCK)

    def of(path: str) -> None:
        monkeypatch.setattr(attention, "attention_path", lambda *arguments: path)

    return of


def built(config: dict, precision: str = "float32"):
    """An encoder whose biases say something, and its weights."""
    keras.utils.set_random_seed(0)
    kind = FrequencyConfig if config.get("kind") == "frequency" else AttentionConfig
    settings = kind.model_validate({"blocks": 1, "dropout": 0.0} | config)
    encoder = settings.build(DIM, LENGTH, dtype=precision)
    encoder.build((None, None, DIM))
    generator = np.random.default_rng(1)
    weights = [
        variable.value + 0.3 * generator.normal(size=variable.shape).astype(np.float32)
        for variable in encoder.trainable_variables
    ]
    return encoder, weights


def encode(encoder, weights, history, further, training=False):
    fixed = [variable.value for variable in encoder.non_trainable_variables]
    if encoder.config.times:
        further = further | {"times_BL": TIMES}
    encoded, _ = encoder.stateless_call(weights, fixed, history, **further, training=training)
    return encoded.astype("float32")


def gradients(encoder, weights, further):
    """What the encoder says, and the gradient of a sum of it, to weights and history."""
    share = np.random.default_rng(2).normal(size=HISTORY.shape).astype(np.float32)

    def total(weights, history):
        encoded = encode(encoder, weights, history, further)
        return (encoded * share).sum(), encoded

    found = jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))
    (_, encoded), gradient = found(weights, HISTORY)
    return [np.asarray(each) for each in (encoded, gradient[1], *gradient[0])]


@pytest.mark.parametrize(
    ("path", "config", "further"),
    [*((*case, PACKED) for case in CASES), *((*case, {}) for case in FEW)],
)
def test_values_and_gradients_are_those_of_the_plain_path(take, path, config, further):
    found = []
    for each in ("plain", path):
        take(each)
        found.append(gradients(*built(config), further))
    for plain, other in zip(*found, strict=True):
        scale = max(np.abs(plain).max(), 1e-3)
        np.testing.assert_allclose(other / scale, plain / scale, atol=2e-5)


@pytest.mark.parametrize(("path", "config"), FEW)
def test_bfloat16_is_as_near_to_float32_as_the_plain_path(take, path, config):
    take("plain")
    exact = gradients(*built(config), PACKED)
    errors = []
    for each in ("plain", path):
        take(each)
        found = gradients(*built(config, "mixed_bfloat16"), PACKED)
        errors.append(
            [np.sqrt(np.mean((one - other) ** 2)) for one, other in zip(found, exact, strict=True)]
        )
    plain, other = np.array(errors)
    assert (other <= 1.5 * plain + 1e-4).all(), (plain, other)


@pytest.mark.parametrize(
    ("path", "config"), [*CASES, *(("plain", config) for _, config in CASES[2:])]
)
def test_a_sequence_moves_no_other_by_a_bit(take, path, config):
    take(path)
    encoder, weights = built(config)
    read = jax.jit(lambda history: encode(encoder, weights, history, PACKED))
    before = np.asarray(read(HISTORY))
    for lane, segment in [(0, 0), (0, 2), (1, 4)]:
        own = (np.arange(LANES)[:, None] == lane) & (segment == SEGMENTS)
        changed = np.where(own[..., None], HISTORY[::-1, ::-1] * 7, HISTORY)
        after = np.asarray(read(changed))
        np.testing.assert_array_equal(after[~own], before[~own])
        assert (after[own] != before[own]).any(axis=-1).all()


@pytest.mark.parametrize(("path", "config"), CASES)
def test_no_gradient_reaches_another_sequence_or_what_came_before(take, path, config):
    take(path)
    encoder, weights = built(config)
    asked = (0, 15)  # of segment 2, which begins at 6

    def answer(history):
        return encode(encoder, weights, history, PACKED)[asked].sum()

    gradient = np.asarray(jax.jit(jax.grad(answer))(HISTORY))
    reached = (gradient != 0).any(axis=-1)
    expected = np.zeros_like(reached)
    expected[0, 6:16] = True
    np.testing.assert_array_equal(reached, expected)


def test_each_block_drops_weights_of_its_own_and_the_same_when_read_again(take):
    """Queries of 0 weigh all they see alike; values of a unit matrix say the weights."""
    block = AttentionConfig().build(2 * LENGTH, LENGTH).blocks[0]
    query = np.zeros((LANES, 2, LENGTH, LENGTH), np.float32)
    unit = np.broadcast_to(np.eye(LENGTH, dtype=np.float32), query.shape)
    lanes = attention.Lanes(SEGMENTS)
    seed = jax.random.key_data(jax.random.key(0))

    @jax.jit
    def weights(value):
        def read(query, positions, seed):
            past = attention.past_of(positions, LENGTH, lanes)
            dropped = partial(drop, seed_2=seed, share=0.5)
            return block._read(query, query_of_keys, value, past, dropped)

        query_of_keys = jnp.zeros_like(query)
        return attention_jax.in_blocks(read, query, BLOCK, seed)

    past = attention.past_of(np.arange(LENGTH), LENGTH, lanes)
    visible = np.broadcast_to(np.asarray(past.visible_BQL)[:, None], query.shape)
    dropped = np.asarray(weights(unit))
    whole = visible / visible.sum(axis=-1, keepdims=True)
    kept = dropped > 0
    np.testing.assert_allclose(dropped, np.where(kept, 2 * whole, 0), rtol=1e-6)
    assert 0.45 < kept[visible].mean() < 0.55
    first, second = (kept[3, :, begin : begin + BLOCK, :BLOCK] for begin in (0, BLOCK))
    assert (first != second)[:, np.tri(BLOCK, dtype=bool)].mean() > 0.3
    # What is read is linear in the values, whose gradient is of the weights of a second reading.
    share = np.random.default_rng(3).normal(size=query.shape).astype(np.float32)
    gradient = jax.grad(lambda value: (weights(value) * share).sum())(unit)
    np.testing.assert_allclose(gradient, np.swapaxes(dropped, 2, 3) @ share, atol=1e-5)


def test_blocks_drop_weights_in_training_alone(take):
    take("blocked")
    encoder, weights = built({"attention_dropout": 0.5, "positions": "relative"})
    quiet = [
        np.asarray(encode(encoder, weights, HISTORY, PACKED, training=False)) for _ in range(2)
    ]
    dropped = np.asarray(jax.jit(partial(encode, encoder, training=True))(weights, HISTORY, PACKED))
    np.testing.assert_array_equal(*quiet)
    assert (dropped != quiet[0]).any(axis=-1).mean() > 0.9
    assert np.isfinite(dropped).all()


def temporary_bytes(length: int, **config) -> int:
    """What XLA lays out for the gradient of an encoder of long lanes."""
    encoder = AttentionConfig.model_validate({"blocks": 1, **config}).build(16, length)
    encoder.build((None, None, 16))
    fixed = [variable.value for variable in encoder.non_trainable_variables]
    weights = [variable.value for variable in encoder.trainable_variables]

    def total(weights, history, segments):
        further = {"segment_ids_BL": segments, "position_ids_BL": segments}
        return encoder.stateless_call(weights, fixed, history, **further)[0].sum()

    history = jax.ShapeDtypeStruct((2, length, 16), jnp.float32)
    segments = jax.ShapeDtypeStruct((2, length), jnp.int32)
    compiled = jax.jit(jax.grad(total)).lower(weights, history, segments).compile()
    return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("config", [{"positions": "relative"}, {"block": "hstu"}], ids=str)
def test_memory_of_blocks_grows_with_the_length_alone(take, config):
    grown = {}
    for path in ("blocked", "plain"):
        take(path)
        short, long = (temporary_bytes(length, **config) for length in (512, 2048))
        grown[path] = long / short
    assert grown["blocked"] < 5  # 4 times as long
    assert grown["plain"] > 12
