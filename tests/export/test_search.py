"""``recsys.export.search``, in a process that may import TFRS."""

import json

import numpy as np

from tests.processes import run_python

ITEMS, QUERIES, K = 150, 6, 2
# In groups, of which the last is filled up: zeros are above all scores here.
PROGRAM = """
import json, sys
import numpy as np
import tensorflow as tf
from recsys.export.search import MaskedSearch

items, queries, left_out, allowed = (np.array(each) for each in json.loads(sys.argv[1]))
search = MaskedSearch(k=2).index(tf.constant(items, tf.float32), tf.range(1000, 1000 + len(items)))
assert search._candidates.shape[0] == 160
given = tf.constant(queries, tf.float32)
answers = [search.best(given), search.best(given, tf.constant(left_out, tf.int32), [allowed])]
print(json.dumps([[each.numpy().tolist() for each in answer] for answer in answers]))
"""


def best(scores: np.ndarray) -> np.ndarray:
    """The items of the highest scores, the first of equal ones first."""
    return 1000 + np.argsort(-scores, axis=1, kind="stable")[:, :K]


def test_the_best_of_what_is_left_are_found_in_a_filled_index():
    generator = np.random.default_rng(0)
    items = generator.integers(1, 5, (ITEMS, 3))
    queries = -generator.integers(1, 5, (QUERIES, 3))
    scores = (queries @ items.T).astype(float)
    left_out = np.full((QUERIES, 40), -1)
    left_out[:5] = np.argsort(-scores[:5], axis=1)[:, :40]
    allowed = generator.random((QUERIES, ITEMS)) < 0.5
    # The last query has one item, whatever it wants.
    allowed[5], allowed[5, 149] = False, True
    given = json.dumps([each.tolist() for each in (items, queries, left_out, allowed)])
    done = run_python("export", "-c", PROGRAM, given)
    assert done.returncode == 0, done.stderr[-3000:]
    (all_scores, of_all), (left_scores, of_left) = json.loads(done.stdout)
    np.testing.assert_array_equal(of_all, best(scores))
    np.testing.assert_array_equal(all_scores, np.sort(scores)[:, :-3:-1])
    scores[~allowed] = -np.inf
    for query, row in enumerate(left_out):
        scores[query, row[row >= 0]] = -np.inf
    np.testing.assert_array_equal(np.array(of_left)[:5], best(scores)[:5])
    np.testing.assert_array_equal(left_scores, np.sort(scores)[:, :-3:-1])
    assert of_left[5][0] == 1149
