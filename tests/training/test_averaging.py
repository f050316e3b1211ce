"""The running average of weights, against numbers worked out by hand."""

import numpy as np
import pytest

from recsys.models.retriever import Retriever
from recsys.training.averaging import WeightAverage
from tests.models import zoo


@pytest.fixture
def retriever():
    return Retriever(zoo.model("average"), 12, 12, 3)


def set_all(retriever, value):
    for variable in retriever.trainable_variables:
        variable.assign(np.full(variable.shape, value, dtype=np.float32))


def held(retriever) -> set[float]:
    return {round(float(x), 6) for v in retriever.trainable_variables for x in np.unique(v)}


def test_average_by_hand(retriever):
    average = WeightAverage(0.75)
    for value in (1.0, 2.0, 4.0):
        set_all(retriever, value)
        average.update(retriever)
    # 0.25 · (4 + 0.75 · 2 + 0.75² · 1) over the weights' sum, 0.25 · (1 + 0.75 + 0.75²).
    expected = (4 + 0.75 * 2 + 0.5625) / (1 + 0.75 + 0.5625)
    with average.applied(retriever):
        assert held(retriever) == {round(expected, 6)}
    assert held(retriever) == {4.0}


def test_one_epoch_is_its_own_average(retriever):
    average = WeightAverage(0.9)
    set_all(retriever, 3.0)
    average.update(retriever)
    with average.applied(retriever):
        assert held(retriever) == {3.0}


def test_without_decay_nothing_happens(retriever):
    average = WeightAverage(0.0)
    set_all(retriever, 3.0)
    average.update(retriever)
    set_all(retriever, 5.0)
    with average.applied(retriever):
        assert held(retriever) == {5.0}


def test_continues_where_it_stopped(retriever):
    whole, first = WeightAverage(0.5), WeightAverage(0.5)
    for value in (1.0, 2.0):
        set_all(retriever, value)
        whole.update(retriever)
        first.update(retriever)
    second = WeightAverage(0.5)
    second.restore({name: array.copy() for name, array in first.state().items()})
    set_all(retriever, 7.0)
    whole.update(retriever)
    second.update(retriever)
    with whole.applied(retriever):
        expected = held(retriever)
    with second.applied(retriever):
        assert held(retriever) == expected
