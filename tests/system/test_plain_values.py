"""Values of notebooks as files have them."""

from pathlib import Path

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.system.plain_values import as_json, plain


def test_values_of_notebooks_are_plain():
    given = {"a": np.int64(3), "b": (np.float32(0.5), None), "c": Path("x"), "d": np.array([1, 2])}
    assert plain(given, "train") == {"a": 3, "b": [0.5, None], "c": "x", "d": [1, 2]}
    assert type(plain(np.int64(3), "train")) is int
    with pytest.raises(InputError, match=r"train: <object .* is not a value of a field"):
        plain(object(), "train")


def test_what_cannot_be_written_is_refused():
    loop: dict = {}
    loop["a"] = loop
    with pytest.raises(InputError, match="train: a section holds itself"):
        as_json(loop, "train")
    with pytest.raises(InputError, match=r"train: text with half of a character .*'.*x\\ud800\""):
        as_json({"name": "x\ud800"}, "train")
    assert as_json({"name": "é😀"}, "train") == '{"name": "é😀"}'
