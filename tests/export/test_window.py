"""``recsys.export.window``, against loops."""

import numpy as np
import pytest

from recsys.export.window import Window


@pytest.mark.parametrize(("queries", "events"), [(9, 12), (1, 1), (3, 0), (0, 4)])
def test_the_last_known_events_are_read_in_order(queries, events):
    generator = np.random.default_rng(events)
    known = generator.random((queries, events)) < 0.6
    values = generator.integers(1, 100, (queries, events))
    wanted = [row[is_known][-4:] for row, is_known in zip(values, known, strict=True)]
    window = Window(known, most=4)
    assert window.length_B.numpy().tolist() == [len(row) for row in wanted]
    width = max([1, *map(len, wanted)])
    padded = [np.pad(row, (0, width - len(row))) for row in wanted]
    np.testing.assert_array_equal(window.of(values), np.reshape(padded, (queries, width)))


def test_what_is_no_number_stays_where_it_is():
    window = Window(np.array([[True, False, True]]), most=3)
    found = window.of(np.array([[np.nan, np.nan, 2.0]], "float32")).numpy()
    np.testing.assert_array_equal(found, [[np.nan, 2.0]])
