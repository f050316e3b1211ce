"""Keys at which experiments differ."""

import pytest

from recsys.experiment.differences import differences, is_within

ONE = {"seen": "allow", "model": {"dim": 8, "encoder": {"kind": "lstm"}}, "seeds": [1, 2]}


@pytest.mark.parametrize(
    "other, keys",
    [
        (ONE, []),
        ({**ONE, "seen": "exclude"}, ["seen"]),
        ({**ONE, "seeds": [1]}, ["seeds"]),
        ({**ONE, "model": {"dim": 9, "encoder": {"kind": "lstm"}}}, ["model.dim"]),
        ({**ONE, "model": {"dim": 8, "encoder": {"kind": "gru"}}}, ["model.encoder.kind"]),
        ({**ONE, "model": {"dim": 8, "encoder": None}}, ["model.encoder"]),
        ({**ONE, "model": {"dim": 8}}, ["model.encoder"]),
        ({**ONE, "name": None}, []),
        ({**ONE, "name": "x"}, ["name"]),
    ],
)
def test_both_ways(other, keys):
    assert differences(ONE, other) == differences(other, ONE) == keys


def test_a_key_lies_within_whole_sections_only():
    names = ["export", "sweep.trials"]
    assert is_within("export", names) and is_within("export.k", names)
    assert is_within("sweep.trials", names)
    assert not is_within("sweep", names) and not is_within("exports.k", names)
