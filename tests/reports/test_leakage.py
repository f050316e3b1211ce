"""The leakage audit in words."""

import pytest

from recsys.reports.leakage import leakage_sentence

TIMES = {
    "events": {"train": 1000},
    "training_events_after_cut": 0,
    "training_events_after_earliest_test_event": 0,
    "latest_training_event": "2026-01-01T00:00:00Z",
    "earliest_test_event": "2026-01-01T05:30:00Z",
}


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (TIMES | {"kind": "time"}, "no leak was found: no training event lies behind the cut, and "
         "the last one is 5 hours before"),
        (TIMES | {"kind": "fixed", "training_events_after_cut": 12},
         "it leaks: 12 of 1,000 training events lie behind the cut"),
        (TIMES | {"kind": "leave_one_out", "training_events_after_earliest_test_event": 400},
         "400 of 1,000 are later than the first tested event"),
        ({"kind": "random", "training_events_after_cut": None}, "no times by which a leak"),
        (TIMES | {"kind": "time", "share_of_test_items_unseen_in_training": 0.125},
         "Of the tested items, 12.5 % were never seen in training."),
    ],
)  # fmt: skip
def test_each_split_says_what_it_risks(split, said):
    assert said in leakage_sentence(split)


def test_nothing_is_said_that_was_not_found_out():
    assert "no leak" not in leakage_sentence({"kind": "time"})
