"""Inputs made from a dataset, as a caller would send them."""

from types import SimpleNamespace

import numpy as np
import pytest

from recsys.data.feature import Feature
from recsys.errors import InputError
from recsys.export.inputs import InputFeatures, event_matrix, id_matrix, input_name


def test_ids_are_padded_on_the_right():
    assert id_matrix([["a"], [], ["b", "c"]]).tolist() == [["a", ""], ["", ""], ["b", "c"]]
    assert id_matrix([[], []]).shape == (2, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("age", "age"), ("Home city", "Home_city"), ("Größe", "Gr__e"), ("1st", "_1st")],
)
def test_names_are_those_that_tensorflow_allows(name, expected):
    assert input_name(Feature(name=name, kind="numeric")) == expected


def test_what_events_were_is_padded_with_what_is_missing():
    texts = [np.array(["a"], object), np.array([], object), np.array(["b", "c"], object)]
    assert event_matrix(texts).tolist() == [["a", ""], ["", ""], ["b", "c"]]
    numbers = event_matrix([np.array([1.5], np.float32), np.array([], np.float32)])
    assert numbers.dtype == np.float32 and numbers[0].tolist() == [1.5] and np.isnan(numbers[1, 0])


@pytest.mark.parametrize("name", ["history", "history_time", "exclude", "user_id", "item_id"])
@pytest.mark.parametrize("side", ["user", "event"])
def test_a_feature_may_not_take_the_name_of_another_input(name, side):
    features = {f"{side}_features": (Feature(name=name, kind="numeric"),)}
    manifest = SimpleNamespace(**{"user_features": (), "event_features": (), **features})
    with pytest.raises(InputError, match=f"the {side} feature {name!r} has the name of another"):
        InputFeatures.of([name], [name], manifest)


def test_a_user_and_an_event_feature_need_names_of_their_own():
    price = (Feature(name="price", kind="numeric"),)
    manifest = SimpleNamespace(user_features=price, event_features=price)
    with pytest.raises(InputError, match=r"event feature 'price' .* in data\.log\.features"):
        InputFeatures.of(["price"], ["price"], manifest)
    assert InputFeatures.of([], ["price"], manifest) == InputFeatures((), price)
