"""Reasons are what the served scores lose, held against the SavedModel asked again by hand."""

import numpy as np
import pytest
import tensorflow as tf

from recsys.data.dataset import Dataset
from recsys.export import reasons as module
from recsys.export.probes import write_probes
from recsys.export.reasons import Reason, in_words, reasons, reasons_of_many
from recsys.export.recommend import Query, Recommender
from recsys.export.request import ExportConfig, ExportRequest
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from tests.datasets import write_dataset
from tests.export.conftest import EXPORT_ALL, ITEMS
from tests.models import zoo
from tests.processes import run_python

pytestmark = pytest.mark.slow
ALL = 100  # reasons, more than there are
CIRCLE, USERS, TOP = 20, 80, 5
RANDOM = ("lstm", "two_tower", "timed", "eventful")
TRAINED = ("average", "lstm", "attention", "two-tower")


@pytest.fixture(scope="module")
def random(exports) -> dict[str, Recommender]:
    """Models with random weights, whose window is five events."""
    return {name: Recommender(exports[name].folder) for name in RANDOM}


@pytest.fixture(scope="module")
def circle(tmp_path_factory) -> Dataset:
    """Users walk a circle of items from somewhere, now and then jumping elsewhere."""
    generator = np.random.default_rng(5)
    users = []
    for _ in range(USERS):
        walk = [int(generator.integers(CIRCLE))]
        while len(walk) < 12:
            on = (walk[-1] + 1) % CIRCLE
            walk.append(on if generator.random() < 0.8 else int(generator.integers(CIRCLE)))
        users.append([walk[:-2], walk[-2:-1], walk[-1:]])
    return write_dataset(tmp_path_factory.mktemp("circle") / "dataset", users, CIRCLE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, circle) -> dict[str, Recommender]:
    """Models that have learnt the circle, exported in one process."""
    root = tmp_path_factory.mktemp("trained")
    training = TrainingConfig.model_validate(
        {
            "epochs": 15,
            "batch_size": 10,
            "steps_per_dispatch": 1,
            "optimizer": {"learning_rate": 0.01, "decay": "cosine"},
        }
    )
    requests = []
    for name in TRAINED:
        config = ModelConfig.model_validate(zoo.model(name))
        retriever = build_retriever(config, circle, "train", 1, training.precision)
        folder = root / name
        fit(retriever, circle, training, 1, folder)
        retriever.save(folder / "retriever.keras")
        write_probes(retriever, circle, folder / "probes.npz", 8)
        request = ExportRequest(
            retriever=folder / "retriever.keras",
            dataset=circle.path,
            probes=folder / "probes.npz",
            model_folder=folder / "model",
            config=ExportConfig(k=CIRCLE, timed_queries=0),
            seen="allow",
        )
        file = folder / "request.json"
        file.write_text(request.model_dump_json())
        requests.append(str(file))
    done = run_python("export", "-c", EXPORT_ALL, *requests)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: Recommender(root / name / "model" / "1") for name in TRAINED}


class Served:
    """The scores of a SavedModel that is asked by hand, with any catalogue and any ``k``."""

    def __init__(self, recommender: Recommender, catalogue: list[str]) -> None:
        self._model = tf.saved_model.load(str(recommender.folder))
        self._catalogue = catalogue

    def score(self, inputs: dict[str, np.ndarray], item: str) -> float:
        exclude = [[other for other in self._catalogue if other != item]]
        answer = self._model.signatures["recommend_excluding"](
            exclude=tf.constant(exclude),
            **{name: tf.constant(value) for name, value in inputs.items()},
        )
        assert answer["item_id"].numpy()[0, 0].decode() == item
        return float(answer["score"].numpy()[0, 0])


def without(history: list[str], times: list[int], item: str) -> dict[str, np.ndarray]:
    """The inputs after an item has been taken out of a history by hand."""
    left = [(event, time) for event, time in zip(history, times, strict=True) if event != item]
    return {
        "history": np.array([[event for event, _ in left]], object).reshape(1, -1),
        "history_time": np.array([[time for _, time in left]], np.int64).reshape(1, -1),
    }


HISTORIES = {
    "within the window": ["fig", "grape", "fig", "日本茶"],
    "longer than the window": ["grape", "apple", "fig", "Apple", "fig", "日本茶", "fig", "17850"],
    "with unknown ids": ["grape", "apple", "fig", "?", "Apple", "", "!", "日本茶", "fig", "?"],
    "of one item": ["fig"] * 7,
}


@pytest.mark.parametrize("name", ["lstm", "timed"])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_contributions_are_what_the_served_score_loses(random, name, history):
    recommender = random[name]
    model = Served(recommender, ITEMS)
    times = [1_700_000_000 + 1000 * place**2 for place in range(len(history))]
    further = {"history_time": np.array([times])} if name == "timed" else {}
    asked = ["hazel", "crème brûlée"]
    for item, found in zip(
        asked, reasons(recommender, Query(history, further), asked, ALL), strict=True
    ):
        expected = {}
        for removed in set(history) & set(ITEMS):
            rows = [without(history, times, gone) for gone in (None, removed)]
            if name != "timed":
                rows = [{"history": row["history"]} for row in rows]
            whole, less = (model.score(row, item) for row in rows)
            if whole - less > 1e-4:
                expected[removed] = whole - less
        contributions = {reason.name: reason.contribution for reason in found}
        assert contributions == pytest.approx(expected, abs=1e-4)
        assert list(contributions.values()) == sorted(contributions.values(), reverse=True)
        assert {reason.kind for reason in found} <= {"history"}


def test_an_item_leaves_with_what_its_events_were(random):
    """Asked again by hand without the item: the values of the others stay theirs."""
    recommender = random["eventful"]
    history = ["fig", "grape", "fig", "日本茶"]
    what = ["view", "Käufe", "Käufe", ""]
    price = [10.0, 20.0, 35.0, 12.0]
    asked = ["hazel", "crème brûlée"]

    def score(places: list[int], item: str) -> float:
        given = {
            "what": np.array([[what[place] for place in places]], object),
            "price": np.array([[price[place] for place in places]], np.float32),
        }
        query = Query([history[place] for place in places], given)
        vector = recommender.embed_query(recommender.inputs(query))
        return float((vector @ recommender.embed_items([item]).T)[0, 0])

    further = {"what": np.array([what], object), "price": np.array([price], np.float32)}
    for item, found in zip(
        asked, reasons(recommender, Query(history, further), asked, ALL), strict=True
    ):
        expected = {}
        for removed in set(history):
            left = [place for place, each in enumerate(history) if each != removed]
            lost = score(list(range(4)), item) - score(left, item)
            if lost > 1e-4:
                expected[removed] = lost
        contributions = {reason.name: reason.contribution for reason in found}
        assert contributions == pytest.approx(expected, abs=1e-4)
        assert {reason.kind for reason in found} <= {"history"}


def test_histories_have_reasons_at_all(random):
    for history in HISTORIES.values():
        found = reasons(random["lstm"], Query(history, {}), ["hazel", "crème brûlée"], ALL)
        assert any(found)


def test_features_are_left_out_by_their_missing_value(random, dataset):
    recommender = random["two_tower"]
    model = Served(recommender, ITEMS)
    missing = {
        "user_id": np.array([""], object),
        "city": np.array([""], object),
        "tags": np.array([[""]], object),
        "bio": np.array([""], object),
        "age": np.array([np.nan], np.float32),
        "taste": np.zeros((1, 2), np.float32),
    }
    query = recommender.user_query(dataset, "böb")
    whole = {"history": np.array([query.history], object), **query.further}
    expected = {}
    for name in missing:
        for item in ITEMS:
            blank = {**whole, name: missing[name]}
            expected[item, name] = model.score(whole, item) - model.score(blank, item)
    found = {
        (item, reason.name): reason
        for item, some in zip(ITEMS, reasons(recommender, query, ITEMS, ALL), strict=True)
        for reason in some
        if reason.kind == "feature"
    }
    contributions = {key: reason.contribution for key, reason in found.items()}
    raising = {key: value for key, value in expected.items() if value > 1e-4}
    assert contributions == pytest.approx(raising, abs=1e-4)
    assert {name for _, name in found} == set(missing)
    assert {reason.title for reason in found.values()} == {
        "user_id: böb",
        "city: Paris",
        "tags: c",
        "bio: σίσυφοσ likes thé",
        "age: 44",
        "taste",
    }


def test_scores_are_dot_products(random, trained, dataset):
    for recommender in (*random.values(), *trained.values()):
        query = Query(["fig", "apple", "i3", "i4"], {})
        rows = recommender.recommend(query, 3)
        vectors = recommender.embed_items([row.item_id for row in rows])
        scores = vectors @ recommender.embed_query(recommender.inputs(query))[0]
        np.testing.assert_allclose(scores, [row.score for row in rows], rtol=1e-5, atol=1e-6)


def test_an_average_by_hand(trained):
    recommender = trained["average"]
    history = ["i3", "i5", "i3", "i8"]
    start = recommender.embed_query(recommender.inputs(Query([], {})))[0]
    three, five, eight, asked = recommender.embed_items(["i3", "i5", "i8", "i4"])
    mean = (start + 2 * three + five + eight) / 5
    expected = {
        "i3": (mean - (start + five + eight) / 3) @ asked,
        "i5": (mean - (start + 2 * three + eight) / 4) @ asked,
        "i8": (mean - (start + 2 * three + five) / 4) @ asked,
    }
    (found,) = reasons(recommender, Query(history, {}), ["i4"])
    contributions = {reason.name: reason.contribution for reason in found}
    raising = {name: value for name, value in expected.items() if value > 0}
    assert raising and contributions == pytest.approx(raising, rel=1e-3)


@pytest.mark.parametrize("name", ["lstm", "attention"])
def test_on_a_circle_the_reason_is_the_item_before(trained, name):
    """After a jump, nothing else speaks for the item that comes next."""
    first_reasons = {}
    for item in range(CIRCLE):
        past = [(item + far) % CIRCLE for far in (5, 6, 7, 0)]
        query = Query([f"i{each}" for each in past], {})
        (best,) = trained[name].recommend(query, 1)
        if best.item_id == f"i{(item + 1) % CIRCLE}":
            ((first, *_),) = reasons(trained[name], query, [best.item_id])
            first_reasons[item] = (first.name, first.title)
    assert len(first_reasons) >= 0.75 * CIRCLE  # of the rest the model is wrong
    assert first_reasons == {item: (f"i{item}", f"Item {item}") for item in first_reasons}


@pytest.mark.parametrize("name", TRAINED)
def test_without_the_first_reason_the_score_falls_most(trained, circle, name):
    """Deletion: the served score without the first reason, a random item, any other item."""
    recommender = trained[name]
    model = tf.saved_model.load(str(recommender.folder)).signatures["serving_default"]
    max_events = recommender.manifest["model"]["max_events"]
    generator = np.random.default_rng(0)
    users = [recommender.user_query(circle, user) for user in circle.user_ids]
    best = [[row.item_id for row in recommender.recommend(query, TOP)] for query in users]

    def scores(history: list[str], query: Query) -> dict[str, float]:
        inputs = {"history": [history], **query.further}
        answer = model(**{key: tf.constant(value) for key, value in inputs.items()})
        ids = [item.decode() for item in answer["item_id"].numpy()[0]]
        return dict(zip(ids, answer["score"].numpy()[0], strict=True))

    first_drops, random_drops, behind = [], [], []
    explained = reasons_of_many(recommender, zip(users, best, strict=True))
    for query, items, found in zip(users, best, explained, strict=True):
        whole = scores(list(query.history), query)
        lost = {}
        for removed in set(query.history):
            left = scores([event for event in query.history if event != removed], query)
            lost[removed] = {item: whole[item] - left[item] for item in items}
        for item, some in zip(items, found, strict=True):
            named = [reason.name for reason in some if reason.kind == "history"]
            if not named:
                assert len(some) == 3 or max(drop[item] for drop in lost.values()) < 1e-3
                continue
            first_drops.append(lost[named[0]][item])
            others = set(query.history) - {named[0]}
            behind.append(max(lost[other][item] for other in others) - first_drops[-1])
            # What the model does not read would be no match.
            read = sorted(others & set(query.history[-max_events:]))
            random_drops.append(lost[read[generator.integers(len(read))]][item])
    assert len(first_drops) > 0.9 * TOP * USERS
    assert max(behind) < 1e-4
    assert np.mean(first_drops) > 2 * np.mean(random_drops)
    assert np.mean(first_drops) > np.mean(random_drops) + 0.1


@pytest.mark.parametrize("size", [1, 40, 300])
def test_many_queries_are_answered_as_one_by_one(random, dataset, monkeypatch, size):
    recommender = random["two_tower"]
    queries = [recommender.user_query(dataset, user) for user in ("ann", "dot", "böb", "cid")]
    queries += [Query([], {}), Query(["fig"], {"tags": [["a", "b", "?"]], "city": ["Paris"]})]
    asked = [(query, ITEMS[: 1 + place]) for place, query in enumerate(queries)] + [
        (queries[0], [])
    ]
    alone = [reasons(recommender, query, items, ALL) for query, items in asked]
    monkeypatch.setattr(module, "EVENTS_PER_CALL", size)
    together = list(reasons_of_many(recommender, asked, ALL))
    assert [len(found) for found in together] == [1, 2, 3, 4, 5, 6, 0]
    for some, same in zip(alone, together, strict=True):
        for one, other in zip(some, same, strict=True):
            first, second = (
                {(reason.kind, reason.name): reason.contribution for reason in found}
                for found in (one, other)
            )
            assert first == pytest.approx(second, abs=1e-5)


def test_queries_share_calls_and_are_read_as_needed(random, monkeypatch):
    recommender = random["lstm"]
    calls, read = [], []
    call = recommender.call
    monkeypatch.setattr(
        recommender, "call", lambda name, inputs: calls.append(name) or call(name, inputs)
    )

    def asked():
        for place in range(50):
            read.append(place)
            yield Query(["fig", "grape", "apple"], {}), ["hazel", "17850"]

    list(reasons_of_many(recommender, asked()))
    assert sorted(calls) == ["embed_items", "embed_query"] and len(read) == 50
    read.clear()
    monkeypatch.setattr(module, "EVENTS_PER_CALL", 64)
    found = reasons_of_many(recommender, asked())
    next(found)
    assert len(read) < 10
    assert len(list(found)) == 49


def test_only_what_raises_the_score_is_a_reason(random):
    recommender = random["lstm"]
    history = ["fig", "grape", "fig", "日本茶", "apple"]
    every, unknown = reasons(recommender, Query(history, {}), ["hazel", "never heard of"], ALL)
    assert 0 < len(every) < 4 and all(reason.contribution > 0 for reason in every)
    assert unknown == []
    ((first,),) = reasons(recommender, Query(history, {}), ["hazel"], 1)
    assert first.name == every[0].name
    assert reasons(recommender, Query([], {}), ["hazel"]) == [[]]
    assert reasons(recommender, Query(["?", ""], {}), ["hazel"]) == [[]]
    assert reasons(recommender, Query(history, {}), []) == []


def test_reasons_in_words():
    some = [
        Reason("history", "i1", "Star Wars (1977)", 0.421),
        Reason("feature", "city", "city: Köln", 0.2),
    ]
    assert in_words(some) == "because of: Star Wars (1977) (+0.42), city: Köln (+0.20)"
    assert "nothing" in in_words([])
