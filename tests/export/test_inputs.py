"""Inputs made from a dataset, as a caller would send them."""

from types import SimpleNamespace

import pytest

from recsys.data.feature import Feature
from recsys.errors import InputError
from recsys.export.inputs import id_matrix, input_name, user_features_of


def test_ids_are_padded_on_the_right():
    assert id_matrix([["a"], [], ["b", "c"]]).tolist() == [["a", ""], ["", ""], ["b", "c"]]
    assert id_matrix([[], []]).shape == (2, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("age", "age"), ("Home city", "Home_city"), ("Größe", "Gr__e"), ("1st", "_1st")],
)
def test_names_are_those_that_tensorflow_allows(name, expected):
    assert input_name(Feature(name=name, kind="numeric")) == expected


@pytest.mark.parametrize("name", ["history", "history_time", "exclude", "user_id", "item_id"])
def test_a_feature_may_not_take_the_name_of_another_input(name):
    feature = Feature(name=name, kind="numeric")
    dataset = SimpleNamespace(manifest=SimpleNamespace(user_features=(feature,)))
    with pytest.raises(InputError, match=f"{name!r} has the name of another input"):
        user_features_of([name], dataset)
