"""Differences that are there, differences that are not, and many at once."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.evaluation.comparison import Contender, clustered_mean, compare
from recsys.evaluation.holm import holm
from tests.evaluation.test_metrics import ranking


def contender(name: str, ranks: np.ndarray) -> Contender:
    return Contender(name, ranking([[int(rank)] for rank in ranks]))


def test_a_real_difference_is_found() -> None:
    generator = np.random.default_rng(0)
    good = contender("lstm", generator.integers(1, 11, 300))
    bad = contender("popular", generator.integers(1, 101, 300))
    (found,) = compare([(good, bad)], ["hit_rate@10"])
    assert found.real and found.difference == pytest.approx(0.9, abs=0.05)
    assert found.low < found.difference < found.high
    assert found.users == found.queries == 300
    assert found.sentence.startswith("lstm is better than popular by 0.")
    assert "95 % interval" in found.sentence
    (reverse,) = compare([(bad, good)], ["hit_rate@10"])
    assert reverse.difference == pytest.approx(-found.difference)
    assert "popular is worse than lstm" in reverse.sentence


def test_of_several_seeds_a_query_counts_by_its_mean() -> None:
    generator = np.random.default_rng(2)
    seeds = [contender("a", generator.integers(1, 21, 200)) for _ in range(3)]
    a = Contender("a", seeds[0].ranked, [each.ranked for each in seeds[1:]])
    b = contender("b", generator.integers(1, 21, 200))
    (found,) = compare([(a, b)], ["hit_rate@10"])
    alone = [compare([(each, b)], ["hit_rate@10"])[0].difference for each in seeds]
    assert found.difference == pytest.approx(np.mean(alone))
    assert found.sentence.endswith("Means over 3 seeds and 1 seed.")
    other = contender("c", generator.integers(1, 21, 199))
    with pytest.raises(InputError, match="different queries"):
        compare([(Contender("a", a.ranked, [other.ranked]), b)], ["hit_rate@10"])


def test_no_difference_is_called_none() -> None:
    generator = np.random.default_rng(1)
    a = contender("a", generator.integers(1, 101, 166))
    b = contender("b", generator.integers(1, 101, 166))
    (found,) = compare([(a, b)], ["ndcg@10"])
    assert not found.real
    assert "no difference in ndcg@10 that 166 users can show" in found.sentence
    (itself,) = compare([(a, a)], ["ndcg@10"])
    assert (itself.difference, itself.p_value, itself.real) == (0.0, 1.0, False)


def test_the_test_is_honest() -> None:
    generator = np.random.default_rng(2)
    owner = np.repeat(np.arange(40), 5)
    rejected = 0
    for _ in range(400):
        values = generator.normal(0, 1, 40)[owner] + generator.normal(0, 0.2, 200)
        rejected += clustered_mean(values, owner).p_value < 0.05
    assert 0.02 <= rejected / 400 <= 0.08


def test_clustered_mean_by_hand() -> None:
    # Two users: sums 3 and 1, counts 2 and 2, mean 1, residuals 1 and -1,
    # so the error is sqrt(2/1 * 2) / 4 = 0.5; t has one degree of freedom.
    found = clustered_mean(np.array([1.0, 2.0, 0.0, 1.0]), np.array([7, 7, 9, 9]))
    assert found.mean == 1.0
    assert found.high - found.mean == pytest.approx(0.5 * 12.7062, rel=1e-4)
    assert found.p_value == pytest.approx(2 * (0.5 - np.arctan(2.0) / np.pi))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_many_comparisons_are_corrected_together() -> None:
    generator = np.random.default_rng(3)
    model = contender("model", generator.integers(1, 30, 200))
    others = [contender(f"other{i}", generator.integers(1, 36, 200)) for i in range(5)]
    together = compare([(model, other) for other in others], ["ndcg@10"])
    for each, other in zip(together, others, strict=True):
        (alone,) = compare([(model, other)], ["ndcg@10"])
        assert each.p_value == pytest.approx(alone.p_value)
        assert each.p_adjusted >= alone.p_adjusted


def test_a_difference_that_is_none_among_many_is_told() -> None:
    """Its interval leaves 0 out, and the sentence must not contradict it."""
    ranks = np.arange(200) % 20 + 1
    model = contender("model", ranks)
    near = contender("near", np.where(np.arange(200) < 5, 30, ranks))
    alike = [contender(f"other{i}", np.roll(ranks, i)) for i in range(20)]
    (alone,) = compare([(model, near)], ["hit_rate@20"])
    assert alone.real and "By itself" not in alone.sentence
    among = compare([(model, each) for each in (near, *alike)], ["hit_rate@20"])[0]
    assert not among.real and among.low > 0
    assert "By itself it would be one; not among all that are compared" in among.sentence


def test_one_user_shows_nothing() -> None:
    one = ranking([[1], [2]])
    one.queries.users[:] = 0
    found = compare([(Contender("a", one), Contender("b", one))], ["ndcg@10"])[0]
    assert found.p_adjusted is None and not found.real and "one user" in found.sentence


def test_few_users_are_warned_of() -> None:
    a, b = contender("a", np.array([1, 1, 1, 2])), contender("b", np.array([50, 60, 70, 80]))
    assert "4 users are too few" in compare([(a, b)], ["ndcg@10"])[0].sentence


def test_different_queries_are_refused() -> None:
    a, b = ranking([[1], [2]]), ranking([[1], [2], [3]])
    with pytest.raises(InputError, match="different queries"):
        compare([(Contender("a", a), Contender("b", b))], ["ndcg@10"])
