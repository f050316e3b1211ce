"""The paths of attention that JAX alone has."""

from pathlib import Path

import numpy as np
import pytest

from recsys.models.query.attention_jax import fits, fused_attention
from tests.processes import run_python

pytestmark = pytest.mark.slow


@pytest.mark.nightly
def test_on_jax():
    file = str(Path(__file__).parent / "attention_on_jax.py")
    done = run_python("jax", "-m", "pytest", "-q", "-p", "no:cacheprovider", file)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("width", "dtype", "expected"),
    [
        (64, "float32", True),
        (65, "float32", False),
        (65, "bfloat16", True),
        (128, "bfloat16", True),
        (129, "bfloat16", False),
    ],
)
def test_heads_whose_tiles_fit(width, dtype, expected):
    assert fits(width, dtype) is expected


# Lengths on both sides of a tile and of a power of two, heads of any width.
@pytest.mark.parametrize(
    ("length", "width"), [(1, 16), (16, 8), (17, 24), (64, 32), (65, 16), (130, 20)]
)
def test_any_length_and_width(length, width):
    generator = np.random.default_rng(length)
    query, key, value = generator.normal(size=(3, 2, 2, length, width)).astype(np.float32)
    segments = np.sort(generator.integers(-1, 3, (2, length)), axis=1).astype(np.int32)
    found = np.asarray(fused_attention(query, key, value, segments, interpret=True))
    visible = np.tri(length, dtype=bool) & (segments[:, :, None] == segments[:, None, :])
    scores = query @ key.swapaxes(2, 3) / np.sqrt(width)
    weights = np.where(visible[:, None], np.exp(scores), 0)
    expected = weights / weights.sum(axis=-1, keepdims=True) @ value
    np.testing.assert_allclose(found, expected, atol=2e-5)
