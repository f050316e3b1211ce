"""What every retriever promises, by collection over the zoo."""

from functools import cache

import keras
import numpy as np
import pytest

from recsys.models.query_model import QueryModel
from recsys.models.retriever import Retriever
from tests.models import zoo

pytestmark = pytest.mark.slow
ITEMS, KNOWN, USERS = 12, 10, 7


def build(query: str, features: bool = False, **others) -> Retriever:
    if features:
        return build_with("features", query, **others)
    keras.utils.set_random_seed(1)
    return Retriever(zoo.model(query, **others), KNOWN, KNOWN, USERS)


@cache
def built(query: str) -> Retriever:
    """One that no test changes: to build it takes longer than what most do with it."""
    return build(query)


def build_with(item: str, query: str = "average", dtype: str = "float32", **others) -> Retriever:
    """With features of the items, two of which have no id vector."""
    keras.utils.set_random_seed(1)
    config = zoo.model(query, item=zoo.ITEMS[item], **others)
    specs = zoo.item_specs(item)
    retriever = Retriever(config, ITEMS, KNOWN, USERS, item_features=specs, dtype=dtype)
    retriever.item_tower.assign_features(zoo.item_values(ITEMS))
    return retriever


def inputs(events: int = 5) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "history": generator.integers(0, KNOWN, (4, events)).astype(np.int32),
        "history_times": np.tile(3600 * np.arange(events, dtype=np.int32) ** 2, (4, 1)),
        "length": np.array([0, 1, events, 3], dtype=np.int32),
        "user": np.array([-1, 0, 1, 6], dtype=np.int32),
    }


def embed(retriever: Retriever, given: dict[str, np.ndarray]) -> np.ndarray:
    return keras.ops.convert_to_numpy(retriever.embed_query(given))


def item_vectors(retriever: Retriever, items: np.ndarray | None = None) -> np.ndarray:
    return keras.ops.convert_to_numpy(retriever.item_vectors(items))


@pytest.mark.parametrize("query", zoo.QUERIES)
class TestContract:
    def test_positions(self, query):
        retriever = built(query)
        outputs = retriever(inputs())
        positions = 1 if retriever.query_tower.encoder is None else 6
        assert tuple(outputs["queries"].shape) == (4, positions, 16)
        assert tuple(outputs["items"].shape) == (KNOWN, 16)

    def test_is_causal(self, query):
        """A later event changes no earlier position."""
        retriever, given = built(query), inputs()
        before = keras.ops.convert_to_numpy(retriever(given)["queries"])
        given["history"][:, 3:] = (given["history"][:, 3:] + 1) % KNOWN
        after = keras.ops.convert_to_numpy(retriever(given)["queries"])
        np.testing.assert_allclose(before[:, :4], after[:, :4], atol=1e-6)
        if retriever.query_tower.encoder is not None:
            assert np.abs(before[:, 4:] - after[:, 4:]).max() > 1e-6

    def test_padding_does_not_matter(self, query):
        retriever, given = built(query), inputs()
        events = ("history", "history_times")
        longer = given | {name: np.pad(given[name], ((0, 0), (0, 1))) for name in events}
        np.testing.assert_allclose(embed(retriever, given), embed(retriever, longer), atol=1e-6)

    def test_a_timestamp_group_costs_as_much_as_its_events_one_by_one(self, query):
        retriever, losses = built(query), []
        query_ids = np.array([0, 1, 1, 1, 2], dtype=np.int32)
        positions = np.array([0, 8, 17], dtype=np.int32)
        for places in (
            {"query_positions": positions, "query_ids": query_ids},
            {"query_positions": positions[query_ids]},
        ):
            events = {
                "targets": np.array([3, 1, 4, 5, 9], dtype=np.int32),
                "weights": np.array([1, 1, 0.5, 1, 2], dtype=np.float32),
            }
            batch = inputs() | events | places
            outputs = retriever(batch)
            losses.append(float(retriever.loss_of(outputs, batch)))
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)

    def test_an_empty_history_has_an_answer(self, query):
        given = {name: values[:1] for name, values in inputs().items()}
        assert np.isfinite(embed(built(query), given)).all()

    def test_saves_and_loads_to_equal_predictions(self, query, tmp_path):
        retriever = build(query, features=True)
        retriever.save(tmp_path / "retriever.keras")
        loaded = keras.saving.load_model(tmp_path / "retriever.keras")
        np.testing.assert_array_equal(embed(retriever, inputs()), embed(loaded, inputs()))
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(retriever.item_vectors()),
            keras.ops.convert_to_numpy(loaded.item_vectors()),
        )

    def test_survives_a_config_round_trip(self, query):
        retriever = built(query)
        copy = Retriever.from_config(retriever.get_config())
        assert copy.config == retriever.config
        assert [w.shape for w in copy.weights] == [w.shape for w in retriever.weights]

    def test_query_model_answers_alike(self, query):
        retriever = built(query)
        given = inputs()
        predicted = QueryModel(retriever).predict_on_batch(given)
        np.testing.assert_allclose(predicted, embed(retriever, given), rtol=1e-5, atol=1e-6)

    def test_mixed_precision_is_close_and_float32_again(self, query):
        keras.utils.set_random_seed(1)
        mixed = Retriever(zoo.model(query), KNOWN, KNOWN, USERS, dtype="mixed_bfloat16")
        single = mixed.in_float32()
        assert all(weight.dtype == "float32" for weight in mixed.trainable_weights)
        assert "bfloat16" in str(mixed(inputs())["queries"].dtype)
        exact = embed(single, inputs())
        error = np.linalg.norm(embed(mixed, inputs()) - exact)
        assert error <= 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize("query", zoo.ENCODED)
class TestEventContract:
    @staticmethod
    @cache
    def built(query: str) -> Retriever:
        """One that no test changes."""
        keras.utils.set_random_seed(1)
        config = {**zoo.model(query), "query": zoo.with_event_features(query)}
        return Retriever(config, KNOWN, KNOWN, USERS, event_features=zoo.EVENT_FEATURES)

    def inputs(self) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(1)
        return {
            **inputs(),
            "event_feature.what": generator.integers(0, 4, (4, 5)).astype(np.int32),
            "event_feature.price": generator.normal(size=(4, 5)).astype(np.float32),
        }

    @pytest.mark.parametrize("feature", ["event_feature.what", "event_feature.price"])
    def test_what_is_predicted_is_not_read(self, query, feature):
        """What an event was changes no bit of what it, or an earlier one, is predicted from."""
        retriever, given = self.built(query), self.inputs()
        before = keras.ops.convert_to_numpy(retriever(given)["queries"])
        changed = given[feature].copy()
        changed[:, 3:] = (changed[:, 3:] + 1) % 4
        after = keras.ops.convert_to_numpy(retriever(given | {feature: changed})["queries"])
        np.testing.assert_array_equal(before[:, :4], after[:, :4])
        assert (np.abs(before[:, 4:] - after[:, 4:]).max(axis=(0, 2)) > 1e-6).all()

    def test_missing_values_say_nothing(self, query):
        retriever, given = self.built(query), self.inputs()
        names = ("event_feature.what", "event_feature.price")
        nothing = given | {name: np.zeros_like(given[name]) for name in names}
        keras.utils.set_random_seed(1)
        plain = build(query)
        weights = {weight.path.split("/", 1)[1]: weight for weight in retriever.weights}
        for weight in plain.weights:
            weight.assign(weights[weight.path.split("/", 1)[1]])
        np.testing.assert_allclose(embed(retriever, nothing), embed(plain, given), atol=1e-6)
        assert np.abs(embed(retriever, given) - embed(plain, given)).max() > 1e-4

    def test_saves_and_loads_to_equal_predictions(self, query, tmp_path):
        retriever = self.built(query)
        retriever.save(tmp_path / "retriever.keras")
        loaded = keras.saving.load_model(tmp_path / "retriever.keras")
        assert loaded.batch_spec == retriever.batch_spec
        np.testing.assert_array_equal(embed(retriever, self.inputs()), embed(loaded, self.inputs()))


@pytest.mark.parametrize("item", zoo.ITEMS)
class TestItemContract:
    def test_items_without_events_are_described_by_features_alone(self, item):
        retriever = build_with(item)
        vectors = item_vectors(retriever)
        assert vectors.shape == (ITEMS, 16)
        assert np.abs(vectors[KNOWN]).max() > 0
        table = retriever.item_tower.table
        if table is not None:
            table.embeddings.assign(keras.ops.convert_to_numpy(table.embeddings) + 1.0)
            moved = item_vectors(retriever)
            assert np.abs(moved[:KNOWN] - vectors[:KNOWN]).min(axis=1).max() > 0
            np.testing.assert_array_equal(moved[KNOWN:], vectors[KNOWN:])

    def test_some_items_are_a_part_of_all(self, item):
        retriever = build_with(item)
        some = item_vectors(retriever, np.array([11, 3], dtype=np.int32))
        np.testing.assert_allclose(some, item_vectors(retriever)[[11, 3]], atol=1e-6)

    def test_gathered_rows_say_what_the_table_says(self, item):
        retriever = build_with(item)
        tower, ids = retriever.item_tower, np.array([11, 3], dtype=np.int32)
        rows = None if tower.table is None else tower.table(np.minimum(ids, KNOWN - 1))
        gathered = keras.ops.convert_to_numpy(tower(ids, rows=rows))
        looked_up = keras.ops.convert_to_numpy(tower(ids))
        np.testing.assert_allclose(gathered, looked_up, atol=1e-6)

    def test_saves_and_loads_to_equal_vectors(self, item, tmp_path):
        retriever = build_with(item)
        retriever.save(tmp_path / "retriever.keras")
        loaded = keras.saving.load_model(tmp_path / "retriever.keras")
        assert loaded.config == retriever.config
        np.testing.assert_array_equal(item_vectors(retriever), item_vectors(loaded))

    def test_mixed_precision_is_close_and_float32_again(self, item):
        mixed = build_with(item, dtype="mixed_bfloat16")
        assert all(weight.dtype == "float32" for weight in mixed.trainable_weights)
        assert "bfloat16" in str(mixed(inputs())["items"].dtype)
        single = item_vectors(mixed.in_float32())
        np.testing.assert_allclose(item_vectors(mixed), single, atol=2e-2)


BATCH = {
    "query_positions": np.array([1, 8, 17], dtype=np.int32),
    "targets": np.array([3, 9, 5], dtype=np.int32),
    "weights": np.array([1, 2, 1], dtype=np.float32),
    "negatives": np.array([6, 7, 7, 1], dtype=np.int32),
    "negative_log_counts": np.zeros(4, dtype=np.float32),
}


@pytest.mark.parametrize("loss", ["cross_entropy", "uniform"])
def test_a_cold_start_adds_the_distance_of_descriptions_from_ids(loss):
    """By hand: of every known item, or of the negatives that were drawn."""
    retriever, batch = build_with("cold-start", loss=loss), inputs() | BATCH
    outputs = retriever(batch, training=True)
    ids, described = (keras.ops.convert_to_numpy(outputs[name]) for name in ("items", "described"))
    assert described.shape == (KNOWN, 16)
    distances = np.square(ids[:KNOWN] - described).sum(axis=1)
    drawn = BATCH["negatives"] if loss == "uniform" else np.arange(KNOWN)
    of_ids = {name: outputs[name] for name in ("queries", "items")}
    added = float(retriever.loss_of(outputs, batch)) - float(retriever.loss_of(of_ids, batch))
    assert added == pytest.approx(distances[drawn].mean(), rel=1e-3)


@pytest.mark.parametrize("normalise", [False, True])
def test_a_new_item_of_a_known_title_stands_where_the_title_does(normalise):
    retriever = build_with("cold-start", normalise=normalise)
    titles = zoo.item_values(ITEMS)["title"]
    titles[KNOWN] = titles[3]
    retriever.item_tower.assign_features({"title": titles})
    outputs = retriever(inputs() | BATCH, training=True)
    described = keras.ops.convert_to_numpy(outputs["described"])[3]
    np.testing.assert_allclose(item_vectors(retriever)[KNOWN], 0.8 * described, atol=1e-6)


def test_an_unknown_user_is_nobody():
    retriever = build("two-tower")
    given = {name: np.repeat(values[2:3], 2, axis=0) for name, values in inputs().items()}
    given["user"] = np.array([-1, USERS + 3], dtype=np.int32)
    first, second = embed(retriever, given)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("block", ["sasrec", "ligr", "hstu"])
def test_gaps_matter_once_learned_and_no_earlier_position_sees_them(block):
    keras.utils.set_random_seed(1)
    config = zoo.model("timed-attention")
    config["query"] = {"encoder": {**config["query"]["encoder"], "block": block}}
    retriever = Retriever(config, KNOWN, KNOWN, USERS)

    def positions(times: list[int]) -> np.ndarray:
        given = {"history": [[3, 1, 4, 2]], "history_times": [times]}
        batch = {name: np.array(values, dtype=np.int32) for name, values in given.items()}
        return keras.ops.convert_to_numpy(retriever(batch)["queries"])[0]

    soon, later = [0, 10, 20, 30], [0, 10, 20, 86_400]
    np.testing.assert_array_equal(positions(soon), positions(later))
    bias = retriever.query_tower.encoder.blocks[0].time_bias
    bias.assign(3.0 * np.random.default_rng(0).normal(size=bias.shape))
    first, second = positions(soon), positions(later)
    np.testing.assert_allclose(first[:4], second[:4], atol=1e-6)
    assert np.abs(first[4] - second[4]).max() > 1e-3


def test_the_average_is_the_average():
    retriever = build("average")
    given = inputs()
    vectors = keras.ops.convert_to_numpy(retriever.item_vectors())
    start = keras.ops.convert_to_numpy(retriever.start)
    expected = (start + vectors[given["history"][3, :3]].sum(axis=0)) / 4
    np.testing.assert_allclose(embed(retriever, given)[3], expected, atol=1e-6)


def test_context_is_in_no_softmax(tmp_path):
    """The loss by hand: over the items that may be recommended, whatever else was read."""
    keras.utils.set_random_seed(1)
    retriever = Retriever(zoo.model("average"), KNOWN, KNOWN, USERS, candidate_items=4)
    candidates = np.array([0, 3, 4, 9])
    retriever.assign_candidates(np.isin(np.arange(KNOWN), candidates))
    retriever.save(tmp_path / "retriever.keras")
    retriever = keras.saving.load_model(tmp_path / "retriever.keras")
    batch = inputs() | {
        "query_positions": np.array([1, 8, 17], dtype=np.int32),
        "targets": np.array([3, 9, 5], dtype=np.int32),  # 5 is context, and weighs nothing
        "weights": np.array([1, 2, 0], dtype=np.float32),
    }
    outputs = retriever(batch)
    queries = keras.ops.convert_to_numpy(outputs["queries"]).reshape(-1, 16)[
        batch["query_positions"]
    ]
    scores = queries @ keras.ops.convert_to_numpy(outputs["items"])[candidates].T
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = -(np.log(probabilities[0, 1]) + 2 * np.log(probabilities[1, 3])) / 3
    assert float(retriever.loss_of(outputs, batch)) == pytest.approx(expected, rel=1e-5)


def test_normalised_scores_are_cosines():
    retriever = Retriever(zoo.model("attention", normalise=True), 12, 12, 3)
    batch = {"history": np.array([[1, 2, 3], [4, 5, 0]], np.int32), "length": np.array([3, 2])}
    queries = keras.ops.convert_to_numpy(retriever.embed_query(batch))
    items = keras.ops.convert_to_numpy(retriever.item_vectors())
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), 1.0, rtol=1e-5)
    looked_up = retriever.embed_query(batch, item_vectors=items)
    np.testing.assert_allclose(queries, keras.ops.convert_to_numpy(looked_up), atol=1e-5)
