"""Histories of a caller as queries of a model."""

from types import SimpleNamespace

import numpy as np
import pytest

from recsys.api import answers
from recsys.api.ids import GivenHistories
from recsys.errors import InputError


@pytest.fixture
def reads_events(monkeypatch):
    """A model that reads what events were, and knows every item."""
    monkeypatch.setattr(answers.blocks, "unknown_items", lambda recommender, histories: [])
    shape = [None, None]
    inputs = {
        "what": {"dtype": "string", "shape": shape},
        "price": {"dtype": "float32", "shape": shape},
    }
    return SimpleNamespace(further_inputs=inputs, event_inputs=["what", "price"])


def test_what_the_events_were_is_asked_with_them(reads_events, caplog):
    features = {"what": [["view", None], []], "price": [[3, None], []], "unread": [[1, 2], []]}
    given = GivenHistories(["ann", "bob"], [["x", "y"], []], None, features)
    ann, bob = answers.of_histories(reads_events, given).queries
    assert ann.further["what"].tolist() == [["view", ""]]
    np.testing.assert_array_equal(ann.further["price"], np.float32([[3, np.nan]]))
    assert bob.further["what"].shape == bob.further["price"].shape == (1, 0)
    assert set(ann.further) == {"what", "price"} and not caplog.records


def test_what_is_not_said_is_missing_aloud(reads_events, caplog):
    given = GivenHistories(["ann"], [["x"]], None, {"what": [["view"]]})
    (query,) = answers.of_histories(reads_events, given).queries
    assert set(query.further) == {"what"}
    assert "reads price of the events, and the histories do not say it" in caplog.text


def test_what_is_not_a_number_is_refused(reads_events):
    given = GivenHistories(["ann"], [["x"]], None, {"what": [["a"]], "price": [["cheap"]]})
    with pytest.raises(InputError, match="histories, price: 'cheap' is not a number"):
        answers.of_histories(reads_events, given)
