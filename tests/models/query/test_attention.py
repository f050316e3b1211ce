"""What attention reads, with weights set by hand."""

import keras
import numpy as np
import pytest

from recsys.models.query.attention import AttentionConfig
from recsys.models.query.attention_past import Lanes, past_of
from recsys.models.retriever import ModelConfig
from tests.models import zoo
from tests.models.query.encoding import HISTORY, encode


def attend(block, **lanes):
    """What the positions of the history read, each of its past."""
    past = past_of(np.arange(9), 9, Lanes(**lanes))
    return block._softmax_attention(HISTORY, Lanes(), past, "plain", training=False)


def reading_values(encoder):
    """The first block: queries and keys of 0, so that biases alone weigh; values as they are."""
    block = encoder.blocks[0]
    kernel = np.zeros((8, 24), np.float32)
    kernel[:, 16:] = np.eye(8)
    block.projection.kernel.assign(kernel)
    return block


def test_attention_with_equal_keys_is_the_running_mean():
    """Zero query weights: every past position weighs the same."""
    config = AttentionConfig(blocks=1, heads=2, positions="relative")
    _, encoder = encode(config)
    block = reading_values(encoder)
    attended = attend(block)
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
    attended = keras.ops.convert_to_numpy(attend(block))
    output = keras.ops.convert_to_numpy(block.output_layer.kernel)
    np.testing.assert_allclose(attended[:, 2:], HISTORY[:, :-2] @ output, atol=1e-5)


def test_the_time_bias_belongs_to_the_time_before_the_last_event():
    """A bias on 7 to 14 seconds alone makes each position read what came 10 seconds before."""
    config = AttentionConfig(blocks=1, heads=1, positions="relative", times=True)
    _, encoder = encode(config, times_BL=np.zeros((2, 9), np.int32))
    block = reading_values(encoder)
    bias = np.zeros((32, 1), np.float32)
    bias[3] = 50.0
    block.time_bias.assign(bias)
    times = np.array([[0, 0, 10, 20, 30, 40, 50, 60, 70]] * 2, np.int32)
    attended = attend(block, times_BL=times)
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


def test_heads_must_divide_the_dim():
    section = zoo.model("attention", dim=15)
    with pytest.raises(ValueError, match=r"heads \(2\) must divide dim \(15\)"):
        ModelConfig.model_validate(section)
