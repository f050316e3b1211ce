"""The example of CONTRIBUTING.md works as printed."""

import re
from pathlib import Path

import keras
import numpy as np

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


def test_the_example_encoder():
    (code,) = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(), flags=re.DOTALL)
    names: dict = {"__name__": "fading"}
    exec(compile(code, "fading.py", "exec"), names)
    encoder = names["FadingConfig"](keep=0.5).build(2, 3)
    history = np.array([[[1, 0], [0, 1], [4, 4]]], dtype=np.float32)
    found = keras.ops.convert_to_numpy(encoder(history))
    by_hand = [[1, 0], [1 / 3, 2 / 3], [(0.25 + 4) / 1.75, (0.5 + 4) / 1.75]]
    np.testing.assert_allclose(found[0], by_hand, rtol=1e-6)
    copy = names["Fading"].from_config(encoder.get_config())
    assert copy.keep == 0.5
