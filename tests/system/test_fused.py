import keras
import numpy as np
import pytest
from keras import ops

from recsys.system.fused import fused


def _counted(scores, own):
    return ops.sum(ops.cast(scores >= own[:, None], "int32"), axis=-1)


def test_equal_to_the_function():
    scores = np.arange(12, dtype=np.float32).reshape(3, 4)
    own = np.array([2, 4, 99], dtype=np.float32)
    found = fused(_counted)(ops.convert_to_tensor(scores), ops.convert_to_tensor(own))
    assert ops.convert_to_numpy(found).tolist() == [2, 4, 0]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles the whole")
def test_xla_compiles_it_on_tensorflow():
    import tensorflow as tf

    arrays = tf.ones((3, 4)), tf.ones((3,))
    compiled = fused(_counted)
    compiled(*arrays)
    assert "fusion" in compiled.experimental_get_compiler_ir(*arrays)("optimized_hlo")
