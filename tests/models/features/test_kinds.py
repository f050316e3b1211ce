"""What the dataset says of a feature is what a model knows of it."""

import pytest

from recsys.data.feature import Feature
from recsys.errors import InputError
from recsys.models.features.kinds import SPECS, feature_spec
from recsys.models.text.recurrent import RecurrentTextConfig

# dtype, shape and bytes of one value.
ARRAYS = {
    "categorical": ("int32", (), 4),
    "multivalued": ("int32", (3,), 12),
    "text": ("int32", (3,), 12),
    "numeric": ("float32", (), 4),
    "vector": ("float32", (3,), 12),
    "image": ("uint8", (3, 3, 2), 18),
}


@pytest.mark.parametrize("kind", SPECS)
def test_of_a_feature_each_kind_takes_what_it_needs(kind):
    feature = Feature(name="f", kind=kind, width=3, channels=2, vocabulary_size=5, mean=7.0)
    spec = feature_spec(feature.model_dump())
    assert (spec.dtype, spec.row_shape, spec.row_bytes) == ARRAYS[kind]
    assert feature_spec(spec.model_dump()) == spec


def test_a_reader_comes_with_the_spec():
    given = {"name": "f", "kind": "text", "width": 3, "vocabulary_size": 5}
    spec = feature_spec({**given, "reader": {"kind": "rnn", "units": 2}})
    assert spec.reader == RecurrentTextConfig(kind="rnn", units=2)
    assert feature_spec(spec.model_dump()) == spec


def test_a_kind_of_another_version_is_refused():
    message = r"'f' is of kind 'sound', .* it reads categorical, .*Leave it out"
    with pytest.raises(InputError, match=message):
        feature_spec({"name": "f", "kind": "sound"})
