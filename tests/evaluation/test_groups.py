"""Groups of users and items, and the gaps between them."""

import numpy as np
import pytest
from scipy import stats

from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
from recsys.errors import InputError
from recsys.evaluation.comparison import clustered_mean
from recsys.evaluation.groups import OTHERS, Group, gaps, groups
from recsys.evaluation.ranking import RankedQueries
from tests.datasets import write_dataset

USERS, ITEMS = 60, 30
COUNTRIES = ("DE", "FR", "LU")


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    """Half of the users are of DE, the others of FR, but two of LU and one of nowhere."""
    random = np.random.default_rng(0)
    log = [
        [part.tolist() for part in np.split(random.permutation(ITEMS)[:12], (8, 9))]
        for _ in range(USERS)
    ]
    countries = np.where(np.arange(USERS) % 2, 2, 1)
    countries[:3] = (3, 3, 0)
    price = Feature(name="price", kind="numeric", mean=15.0, deviation=2.0)
    encoded = ((np.arange(ITEMS) - 15) / 2).astype(np.float32)
    country = Feature(name="country", kind="categorical", vocabulary_size=4)
    return write_dataset(
        tmp_path / "dataset",
        log,
        ITEMS,
        user_features={"country": (country, countries.astype(np.int32))},
        item_features={"price": (price, encoded)},
    )


@pytest.fixture
def vocabulary(monkeypatch):
    monkeypatch.setattr(Dataset, "vocabulary", lambda *_: list(COUNTRIES))


@pytest.fixture
def ranked(dataset) -> RankedQueries:
    """Users of DE are served better."""
    queries = dataset.queries("test")
    random = np.random.default_rng(1)
    easy = queries.users[queries.target_queries] % 2 == 0
    ranks = np.where(easy, random.integers(1, 6, len(easy)), random.integers(4, 30, len(easy)))
    return RankedQueries(queries, ranks.astype(np.int32), np.empty((len(queries), 0), np.int32), 0)


def by(attribute, ranked, dataset):
    return groups(attribute, ranked, dataset, "train")


def test_the_largest_come_first_and_the_small_are_one(dataset, ranked, vocabulary):
    found = by("user.country", ranked, dataset)
    assert [group.name for group in found] == ["FR", "DE", OTHERS]
    assert np.sum([group.keep for group in found], axis=0).tolist() == [1] * len(ranked.ranks)
    users = ranked.queries.users[ranked.queries.target_queries]
    assert set(users[found[-1].keep]) == {0, 1, 2}


def test_an_attribute_of_many_values_keeps_the_most_frequent(ranked, dataset, monkeypatch):
    """One value for each user: all are too small, and none is a mask of its own."""
    values = np.array([f"v{user}" for user in range(USERS)], object)
    monkeypatch.setattr("recsys.data.prepare.features.encode.decode_feature", lambda *_: values)
    (found,) = by("user.country", ranked, dataset)
    assert found.name == OTHERS and found.keep.all()


def test_numbers_are_cut_at_quartiles(dataset, ranked):
    found = by("item.price", ranked, dataset)
    assert len(found) == 4
    prices = ranked.queries.target_items
    for group in found:
        low, high = map(float, group.name.split(" to "))
        assert prices[group.keep].min() == low and prices[group.keep].max() == high


@pytest.mark.parametrize("name", ["user.activity", "user.history", "item.popularity", "item.age"])
def test_what_every_log_has(dataset, ranked, name):
    found = by(name, ranked, dataset)
    assert np.sum([group.keep for group in found], axis=0).tolist() == [1] * len(ranked.ranks)


def test_a_gap_of_separate_users_is_that_of_two_independent_means(dataset, ranked, vocabulary):
    found = gaps(by("user.country", ranked, dataset), ranked, ["ndcg@10", "recall@5"])
    assert [(gap.group, gap.metric) for gap in found[:3]] == [
        ("FR", "ndcg@10"),
        ("DE", "ndcg@10"),
        (OTHERS, "ndcg@10"),
    ]
    german = found[1]
    assert german.real and german.gap > 0.2 and german.gap_low > 0
    assert german.sentence("m").startswith(f"m, DE: ndcg@10 {german.value:.4f}, ")
    assert f"{german.gap:.4f} above the others" in german.sentence("m")
    keep = by("user.country", ranked, dataset)[1].keep
    variances, means = [], []
    for part in (keep, ~keep):
        cut, _ = ranked.queries.with_targets(part)  # a target each
        hits = np.where(ranked.ranks[part] <= 10, 1 / np.log2(ranked.ranks[part] + 1.0), 0)
        mean = clustered_mean(hits, cut.users)
        error = (mean.high - mean.low) / 2 / stats.t.ppf(0.975, mean.users - 1)
        variances.append(error**2 * (mean.users - 1) / mean.users)
        means.append(mean.mean)
    error = np.sqrt(sum(variances) * USERS / (USERS - 1))
    reach = error * stats.t.ppf(0.975, USERS - 1)
    assert german.gap == pytest.approx(means[0] - means[1])
    assert (german.gap_low, german.gap_high) == pytest.approx(
        (german.gap - reach, german.gap + reach)
    )


def test_the_interval_of_a_gap_covers_no_gap_in_95_of_100(tmp_path):
    """Of groups that overlap in users, as those of items do."""
    random = np.random.default_rng(3)
    log = [[[0], [], random.permutation(np.arange(1, 30))[:6].tolist()] for _ in range(40)]
    dataset = write_dataset(tmp_path / "log", log, 30)
    queries = dataset.queries("test")
    odd = queries.target_items % 2 == 1
    missed = 0
    times = 400
    for _ in range(times):
        ease = random.beta(0.5, 3, 40)[queries.users[queries.target_queries]] + 0.01
        ranks = random.geometric(ease).astype(np.int32)
        ranked = RankedQueries(queries, ranks, np.empty((len(queries), 0), np.int32), 0)
        gap, _ = gaps([Group("odd", odd), Group("even", ~odd)], ranked, ["ndcg@10"])
        missed += not gap.gap_low <= 0 <= gap.gap_high
    assert 0.02 < missed / times < 0.09


def test_what_cannot_be_grouped_is_one_message(dataset, ranked):
    with pytest.raises(InputError, match=r"'user.city' .* user.country, item.price, user.activity"):
        by("user.city", ranked, dataset)
    with pytest.raises(InputError, match="in one group"):
        gaps([Group("all", np.ones(len(ranked.ranks), bool))], ranked, ["ndcg@10"])
