"""Whoever comes first takes the best of what is left."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.marketing.campaigns.offers import OfferConfig, take

USERS, ITEMS = 12, 6


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    pieces=st.lists(st.sampled_from([0, 1, 2, 5, np.inf]), min_size=ITEMS, max_size=ITEMS),
    items=st.integers(1, 4),
    least=st.integers(1, 4),
)
def test_each_user_gets_the_best_that_those_before_left(seed, pieces, items, least):
    random = np.random.default_rng(seed)
    choice = np.array([0, 2, 3, 5])
    scores = random.permuted(np.tile(np.arange(4.0), (USERS, 1)), axis=1)
    scores[random.random(scores.shape) < 0.2] = -np.inf
    config = OfferConfig(items=items, least=min(least, items))
    left = np.array(pieces, float)
    found = take(scores.copy(), choice, config, left)

    expected, there = [], list(pieces)
    for row in scores:
        best = [place for place in np.argsort(-row) if row[place] > -np.inf]
        mine = [int(choice[place]) for place in best if there[choice[place]] >= 1][:items]
        mine = mine if len(mine) >= config.least else []
        for item in mine:
            there[item] -= 1
        expected.append(mine)
    assert [each.tolist() for each in found] == expected
    assert left.tolist() == there


def test_an_item_of_two_pieces_is_offered_twice_and_then_the_next_best():
    scores = np.array([[3.0, 2.0, 1.0]] * 4)
    left = np.array([2.0, 1.0, np.inf])
    config = OfferConfig(items=2, least=2)
    found = take(scores, np.arange(3), config, left)
    assert [each.tolist() for each in found] == [[0, 1], [0, 2], [], []]
    assert left.tolist() == [0, 0, np.inf]  # whoever gets too little takes nothing
