"""Query encoders: what each promises beyond the contract list."""

import keras
import numpy as np
import pytest

from recsys.models.query.attention import AttentionConfig, time_buckets
from recsys.models.query.average import AverageConfig
from recsys.models.query.convolution import ConvolutionConfig
from recsys.models.retriever import ModelConfig, Retriever
from tests.models import zoo

HISTORY = np.random.default_rng(0).normal(size=(2, 9, 8)).astype(np.float32)
PAST = np.tri(9, dtype=bool)[None]


def encode(config, **further):
    keras.utils.set_random_seed(0)
    encoder = config.build(8, 9)
    encoder.build((None, None, 8))
    return keras.ops.convert_to_numpy(encoder(HISTORY, **further)), encoder


def reading_values(encoder):
    """The first block: queries and keys of 0, so that biases alone weigh; values as they are."""
    block = encoder.blocks[0]
    kernel = np.zeros((8, 24), np.float32)
    kernel[:, 16:] = np.eye(8)
    block.projection.kernel.assign(kernel)
    return block


@pytest.mark.parametrize("blocks, reach", [(1, 3), (2, 7)])
def test_a_convolution_reaches_as_far_as_its_dilations(blocks, reach):
    """With kernel 3: 2 events back per block, doubled from block to block."""
    config = ConvolutionConfig(kind="cnn", blocks=blocks, kernel=3)
    before, encoder = encode(config)
    changed = HISTORY.copy()
    changed[:, 0] *= -1.0
    after = keras.ops.convert_to_numpy(encoder(changed))
    moved = np.abs(after - before).max(axis=(0, 2)) > 1e-6
    assert moved.tolist() == [position < reach for position in range(9)]


def test_attention_with_equal_keys_is_the_running_mean():
    """Zero query weights: every past position weighs the same."""
    config = AttentionConfig(blocks=1, heads=2, positions="relative")
    _, encoder = encode(config)
    block = reading_values(encoder)
    attended = block._softmax_attention(HISTORY, PAST)
    means = np.cumsum(HISTORY, axis=1) / np.arange(1, 10)[:, None]
    expected = means @ keras.ops.convert_to_numpy(block.output_layer.kernel)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(attended), expected, atol=1e-5)


def test_the_relative_bias_belongs_to_distances():
    """A bias on distance 2 alone makes each position read the one two before it."""
    _, encoder = encode(AttentionConfig(blocks=1, heads=1, positions="relative"))
    block = reading_values(encoder)
    bias = np.zeros((9, 1), np.float32)
    bias[2] = 50.0
    block.distance_bias.assign(bias)
    attended = keras.ops.convert_to_numpy(block._softmax_attention(HISTORY, PAST))
    output = keras.ops.convert_to_numpy(block.output_layer.kernel)
    np.testing.assert_allclose(attended[:, 2:], HISTORY[:, :-2] @ output, atol=1e-5)


def test_buckets_of_time_are_powers_of_two_of_a_second():
    seconds = [0, 1, 2, 3, 6, 7, 8, 3600, 86_400, 2**24 - 2, 2**24 - 1, 2**31 - 1]
    buckets = keras.ops.convert_to_numpy(time_buckets(np.array([[0, *seconds]], np.int32)))
    assert buckets[0, 1:, 0].tolist() == [(1 + gap).bit_length() - 1 for gap in seconds]
    assert not np.triu(buckets[0], 1).any()


def test_the_time_bias_belongs_to_the_time_before_the_last_event():
    """A bias on 7 to 14 seconds alone makes each position read what came 10 seconds before."""
    config = AttentionConfig(blocks=1, heads=1, positions="relative", times=True)
    _, encoder = encode(config, times_BL=np.zeros((2, 9), np.int32))
    block = reading_values(encoder)
    bias = np.zeros((32, 1), np.float32)
    bias[3] = 50.0
    block.time_bias.assign(bias)
    times = np.array([[0, 0, 10, 20, 30, 40, 50, 60, 70]] * 2, np.int32)
    attended = block._softmax_attention(HISTORY, PAST, time_buckets(times))
    found = keras.ops.convert_to_numpy(attended)
    output = keras.ops.convert_to_numpy(block.output_layer.kernel)
    np.testing.assert_allclose(found[:, 2], HISTORY[:, :2].mean(axis=1) @ output, atol=1e-5)
    np.testing.assert_allclose(found[:, 3:], HISTORY[:, 2:-1] @ output, atol=1e-5)


@pytest.mark.parametrize("block", ["sasrec", "ligr", "hstu"])
def test_attention_without_positions_sees_a_set(block):
    """Relative positions with a zero bias: the order before the last event is nothing."""
    config = AttentionConfig(blocks=1, heads=2, block=block, positions="relative")
    before, encoder = encode(config)
    shuffled = HISTORY[:, [3, 1, 0, 2, 5, 4, 7, 6, 8]]
    after = keras.ops.convert_to_numpy(encoder(shuffled))
    np.testing.assert_allclose(before[:, -1], after[:, -1], atol=1e-5)


def test_the_mean_of_the_others_by_hand():
    encoder = AverageConfig(over="others").build(1, 5)
    # A start of 1, then the items 2, 4 and 6, and padding.
    history = np.array([[[1.0], [2.0], [4.0], [6.0], [99.0]]], dtype=np.float32)
    found = keras.ops.convert_to_numpy(encoder(history, np.array([3], np.int32)))[0, :, 0]
    # Positions 0 to 2 predict an item and leave it out, position 3 has seen them all.
    by_hand = [(1 + 4 + 6) / 3, (1 + 2 + 6) / 3, (1 + 2 + 4) / 3, (1 + 2 + 4 + 6) / 4]
    np.testing.assert_allclose(found[:4], by_hand, rtol=1e-6)


def test_heads_must_divide_the_dim():
    section = zoo.model("attention", dim=15)
    with pytest.raises(ValueError, match=r"heads \(2\) must divide dim \(15\)"):
        ModelConfig.model_validate(section)


def test_normalised_scores_are_cosines():
    retriever = Retriever(zoo.model("attention", normalise=True), 12, 12, 3)
    batch = {"history": np.array([[1, 2, 3], [4, 5, 0]], np.int32), "length": np.array([3, 2])}
    queries = keras.ops.convert_to_numpy(retriever.embed_query(batch))
    items = keras.ops.convert_to_numpy(retriever.item_vectors())
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), 1.0, rtol=1e-5)
    looked_up = retriever.embed_query(batch, item_vectors=items)
    np.testing.assert_allclose(queries, keras.ops.convert_to_numpy(looked_up), atol=1e-5)
