"""Users like those of a seed: forty who share a taste, forty others who share an age."""

import json

import numpy as np
import pandas as pd
import pytest

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.errors import InputError
from recsys.marketing.audiences import lookalikes
from recsys.marketing.audiences.lookalikes import LookalikeConfig, Lookalikes
from recsys.marketing.audiences.seed_holdout import measure
from recsys.marketing.users.vectors import Embedded

USERS = 240
TASTE = [f"u{user}" for user in range(40)]
OLD = [f"u{user}" for user in range(0, USERS, 6)]
TALL = [f"u{user}" for user in range(3, USERS, 6)]
# The model knows nothing of what they chose.
UNREADABLE = ["u237", "u238", "u239"]
# They are not in the user table.
UNDESCRIBED = [f"u{user}" for user in range(200, 220)]


class Shares:
    """In place of a recommender's: a user's vector is the share of each item but one."""

    def __init__(self, run, dataset):
        self.dataset = dataset

    def at(self):
        vectors = np.zeros((self.dataset.users, self.dataset.items), np.float32)
        users = np.repeat(np.arange(self.dataset.users), np.diff(self.dataset.user_offsets))
        np.add.at(vectors, (users, self.dataset.event_items), 1)
        vectors /= vectors.sum(axis=1, keepdims=True)
        vectors[:, self.dataset.item_ids.index("unknown")] = 0
        return Embedded(np.arange(self.dataset.users), vectors, vectors.any(axis=1))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    generator = np.random.default_rng(3)
    events = []
    for user in [f"u{user}" for user in range(USERS)]:
        like = generator.random(12) < 0.9
        own = "a" if user in TASTE else "b"
        other = "b" if user in TASTE else "a"
        items = [f"{own if is_own else other}{generator.integers(0, 8)}" for is_own in like]
        events += [(user, "unknown" if user in UNREADABLE else item) for item in items]
    log = pd.DataFrame(events, columns=["user", "item"])
    log["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.permutation(len(log)), "h")
    log.to_parquet(folder / "log.parquet")
    names = [f"u{user}" for user in range(USERS) if f"u{user}" not in UNDESCRIBED]
    table = pd.DataFrame({"user": names, "country": "one"})
    table["age"] = [
        "old" if name in OLD else generator.choice(["young", "middle"]) for name in names
    ]
    table["height"] = [
        generator.normal(190 if name in TALL else 160, 2.0) if name != "u1" else None
        for name in names
    ]
    table["rare"] = [name if index < 5 else None for index, name in enumerate(names)]
    table.to_parquet(folder / "users.parquet")
    config = {
        "log": {
            "path": str(folder / "log.parquet"),
            "columns": {"user": "user", "item": "item", "time": "time"},
        },
        "users": {
            "path": str(folder / "users.parquet"),
            "key": "user",
            "features": {
                "age": "categorical",
                "country": "categorical",
                "rare": {"kind": "categorical", "minimum_users": 1},
                "height": "numeric",
            },
        },
    }
    return prepare(DataConfig.model_validate(config), folder / "datasets")


@pytest.fixture
def sought(dataset, monkeypatch):
    monkeypatch.setattr(lookalikes, "UserVectors", Shares)

    def build(**settings):
        config = {"recommender": "runs/any/1", "users": 30, **settings}
        return Lookalikes(LookalikeConfig.model_validate(config), dataset)

    return build


def test_a_taste_is_found_by_the_embedding_and_not_by_demographics(sought):
    found = measure(sought(demographics=["age"]), TASTE)
    for group in (found.everyone, found.described):
        assert [lift.best for lift in group.lifts] == [20, 30]
        assert group.lifts[0].embedding.value > 0.95 / group.lifts[0].random
    compared = found.described.lifts[0]
    assert 0.5 < compared.demographics.value < 1.6
    assert compared.difference.low > 3
    # All held-out ones are among the best 30, and 10 others.
    assert found.everyone.lifts[1].embedding.value == pytest.approx(214 / 30, rel=0.05)
    assert "(the embedding found more: +" in found.sentence


def test_an_age_is_found_by_demographics_and_not_by_the_embedding(sought):
    seed = [user for user in OLD if user not in UNDESCRIBED]
    found = measure(sought(demographics=["age"]), seed)
    compared = found.described.lifts[0]
    # Exactly all of them: nobody else is old.
    assert compared.demographics.value == pytest.approx(1 / compared.random)
    assert 0.4 < compared.embedding.value < 1.7
    assert compared.difference.high < -3
    assert "(demographics found more: -" in found.sentence


def test_a_number_is_near_where_a_cosine_would_see_its_sign_alone(sought):
    found = measure(sought(demographics=["height"]), [u for u in TALL if u not in UNDESCRIBED])
    assert found.described.lifts[0].demographics.value > 0.95 / found.described.lifts[0].random


def test_who_are_all_alike_are_found_as_at_random(sought):
    compared = measure(sought(demographics=["country"]), TASTE).described.lifts[0]
    of_demographics = compared.demographics
    assert of_demographics.value == of_demographics.low == of_demographics.high == pytest.approx(1)


def test_everybody_holds_the_held_out_as_often_as_chance(sought):
    last = measure(sought(users=10_000), TASTE).everyone.lifts[-1]
    assert last.best == USERS - len(UNREADABLE) - 20
    assert last.random == 20 / last.best
    assert last.embedding.value == pytest.approx(1)


def test_who_cannot_be_ranked_is_counted(sought):
    seed = [*TASTE, "u200", "u239"]
    found = measure(sought(demographics=["age"], repeats=2), seed)
    assert (found.unreadable, found.undescribed) == (1, len(UNDESCRIBED))
    assert (found.everyone.seed, found.described.seed) == (41, 40)
    assert found.everyone.users == USERS - len(UNREADABLE) - 41 + found.everyone.held_out
    assert found.described.users == found.everyone.users - len(UNDESCRIBED) + 1


def test_what_is_measured_is_a_document(sought):
    document = measure(sought(demographics=["age"]), TASTE).as_dict()
    assert json.loads(json.dumps(document)) == document
    lift = document["described"]["lifts"][0]
    assert lift["embedding"]["precision"] == pytest.approx(
        lift["embedding"]["lift"]["value"] * lift["random"]
    )
    alone = measure(sought(), TASTE)
    assert alone.as_dict()["described"] is None
    assert alone.sentence.endswith("not compared with demographics, as none are named")


def test_equal_seeds_hide_the_same(sought):
    once, again, otherwise = (
        measure(sought(demographics=["age"], seed=seed), TASTE).as_dict() for seed in (1, 1, 2)
    )
    assert once == again
    assert once != otherwise


@pytest.mark.parametrize("neighbours", [None, 3])
def test_similarity_is_the_mean_cosine_seen_from_the_middle(sought, dataset, neighbours):
    seed, left_out = ["u3", "u50", "u77", "u4", "u90"], ["u5", " u60 ", "nobody"]
    found = sought(neighbours=neighbours).find([*seed, "u3"], leave_out=left_out)
    _, vectors, known = Shares(None, dataset).at()
    unit = vectors[known] / np.linalg.norm(vectors[known], axis=1, keepdims=True)
    seen = unit - unit.mean(axis=0)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    points = dict(zip(np.array(dataset.user_ids)[known], seen, strict=True))
    expected = {}
    for user in points.keys() - {*seed, "u5", "u60"}:
        cosines = sorted(points[user] @ points[member] for member in seed)
        expected[user] = np.mean(cosines[-neighbours:] if neighbours else cosines)
    best = sorted(expected, key=expected.get, reverse=True)[:30]
    np.testing.assert_allclose(found["similarity"], [expected[user] for user in best], atol=2e-6)
    np.testing.assert_allclose(
        [expected[user] for user in found["user"]], found["similarity"], atol=2e-6
    )
    assert found["user"].is_unique and len(found) == 30


def test_all_others_are_found_where_more_are_wanted(sought):
    found = sought(users=10_000).find(TASTE, leave_out=["u100", "u101"])
    everybody = {f"u{user}" for user in range(USERS)}
    assert set(found["user"]) == everybody - {*TASTE, *UNREADABLE, "u100", "u101"}


@pytest.mark.parametrize("block", [50, 150])
def test_blocks_of_any_size_find_the_same(sought, monkeypatch, block):
    few = sought(neighbours=3, demographics=["age", "height"], repeats=2)
    found, measured = few.find(TASTE), measure(few, TASTE)
    monkeypatch.setattr("recsys.marketing.audiences.similarity.BLOCK", block)
    pd.testing.assert_frame_equal(few.find(TASTE), found, check_exact=True)
    assert measure(few, TASTE) == measured


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([], "the seed names no user"),
        (
            [*TASTE, *(f"x{place}" for place in range(7))],
            r"7 of 47 users of the seed are not in .*: x0, x1, x2, x3, x4, \.\.\.",
        ),
        (UNREADABLE, "of the 3 users of the seed, none chose anything that the model of runs/any"),
    ],
)
def test_a_seed_that_cannot_be_read_is_refused(sought, seed, message):
    for ask in (sought().find, lambda seed: measure(sought(), seed)):
        with pytest.raises(InputError, match=message):
            ask(seed)


def test_nobody_left_is_refused(sought):
    with pytest.raises(InputError, match="no user is left to be like the seed"):
        sought().find(TASTE, leave_out=[f"u{user}" for user in range(40, USERS)])


@pytest.mark.parametrize(
    ("settings", "seed", "message"),
    [
        ({}, ["u1"], "a seed of 1 user is too small to hold 50% of it out"),
        ({"seed_holdout": 0.01}, TASTE, "a seed of 40 users is too small to hold 1% of it out"),
        (
            {"demographics": ["age"]},
            ["u1", "u200", "u201"],
            "a seed of 1 user with demographics is too small",
        ),
        ({}, [f"u{user}" for user in range(USERS)], "the seed is every one of the 237 users"),
        (
            {"demographics": ["age", "gender"]},
            TASTE,
            "demographics names gender; .* has age, country, rare, height",
        ),
        ({"demographics": ["rare"]}, TASTE, "5 of 237 users have any of the demographics rare"),
    ],
)
def test_what_cannot_be_measured_is_refused(sought, settings, seed, message):
    with pytest.raises(InputError, match=message):
        measure(sought(**settings), seed)
