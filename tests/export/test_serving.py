"""The published SavedModel, asked through TensorFlow alone.

Scores are compared with the retriever's own vectors, so the known answer is
``item_vectors @ embed_query``, worked out in NumPy.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.export.conftest import CONTEXT, ITEMS, KNOWN_ITEMS, USER_VALUES, Exported

WINDOW = 5


@pytest.fixture(scope="module")
def lstm(exports: dict[str, Exported]) -> "Artefact":
    return Artefact(exports["lstm"])


@pytest.fixture(scope="module")
def two_tower(exports: dict[str, Exported]) -> "Artefact":
    return Artefact(exports["two_tower"])


class Artefact:
    """An export and its loaded SavedModel."""

    def __init__(self, exported: Exported) -> None:
        self.retriever = exported.retriever
        self.model = tf.saved_model.load(str(exported.folder))

    def call(self, signature: str, **inputs) -> dict[str, np.ndarray]:
        tensors = {name: _tensor(value) for name, value in inputs.items()}
        outputs = self.model.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}

    def ids(self, signature: str, **inputs) -> list[list[str]]:
        return [
            [item.decode() for item in row] for row in self.call(signature, **inputs)["item_id"]
        ]

    def expected_scores(self, history: list[int]) -> np.ndarray:
        """Scores of the whole catalogue for one history of catalogue items."""
        window = np.array([history[-WINDOW:] or [0]], np.int32)
        length = np.array([len(history[-WINDOW:])], np.int32)
        query = self.retriever.embed_query({"history": window, "length": length})
        vectors = ops.convert_to_numpy(self.retriever.item_vectors())
        return vectors @ ops.convert_to_numpy(query)[0]


def _tensor(value) -> tf.Tensor:
    array = np.asarray(value)
    return tf.constant(array if array.dtype.kind in "fi" else array.astype(object))


def no_ids(rows: int = 1) -> np.ndarray:
    return np.empty((rows, 0), object)


def test_answers_are_the_retrievers_ranking_without_the_history(lstm):
    answer = lstm.call("serving_default", history=[["apple", "日本茶"]])
    expected = lstm.expected_scores([0, 3])
    order = [item for item in np.argsort(-expected) if item not in (0, 3)]
    assert [i.decode() for i in answer["item_id"][0, : KNOWN_ITEMS - 2]] == [
        ITEMS[i] for i in order
    ]
    np.testing.assert_allclose(answer["score"][0, : KNOWN_ITEMS - 2], expected[order], rtol=1e-5)


def test_a_search_copies_no_vectors(lstm):
    """Rows gathered of a variable have TensorFlow copy it whole whenever it is read afterwards."""
    for signature in lstm.model.signatures.values():
        graph = signature.graph.as_graph_def()
        for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
            read, gathered = (
                {node.input[0] for node in nodes if node.op == operation}
                for operation in ("ReadVariableOp", "ResourceGather")
            )
            assert not read & gathered


def test_rows_with_fewer_than_k_answers_end_in_nothing(lstm):
    answer = lstm.call("serving_default", history=[["apple", "日本茶"], ["fig", "fig"]])
    assert answer["item_id"].shape == answer["score"].shape == (2, 20)
    for row, answers in enumerate((KNOWN_ITEMS - 2, KNOWN_ITEMS - 1)):
        assert all(answer["item_id"][row, :answers]) and not any(answer["item_id"][row, answers:])
        assert np.isfinite(answer["score"][row, :answers]).all()
        assert np.isneginf(answer["score"][row, answers:]).all()


def test_context_is_read_and_never_recommended(exports):
    context = Artefact(exports["context"])
    for signature, more in (
        ("serving_default", {}),
        ("recommend_excluding", {"exclude": no_ids()}),
    ):
        answer = context.call(signature, history=[["apple", ITEMS[CONTEXT[0]]]], **more)
        expected = context.expected_scores([0, CONTEXT[0]])
        order = [item for item in np.argsort(-expected) if item not in (0, *CONTEXT)]
        ids = [item.decode() for item in answer["item_id"][0]]
        assert ids == [ITEMS[item] for item in order] + [""] * (20 - len(order))
        np.testing.assert_allclose(answer["score"][0, : len(order)], expected[order], rtol=1e-5)
    vectors = context.call("embed_items", item_id=[ITEMS[item] for item in CONTEXT])["embedding"]
    np.testing.assert_allclose(
        vectors, ops.convert_to_numpy(context.retriever.item_vectors())[CONTEXT], rtol=1e-6
    )


def test_ids_keep_their_case_and_their_letters(lstm):
    answers = lstm.ids("serving_default", history=[["Apple"]])[0]
    assert "apple" in answers and "Apple" not in answers
    assert {"crème brûlée", "日本茶", "17850"} <= set(answers)


@pytest.mark.parametrize(
    "history",
    [
        ["", "", "apple", "fig"],
        ["apple", "fig", "", ""],
        ["", "apple", "fig", ""],
        ["apple", "", "fig"],
        ["never seen", "apple", "new", "fig", "APPLE"],
        ["\u00a0apple", "\ufeff", "fig\u200b\t"],
    ],
    ids=["left", "right", "both", "between", "unknown", "edges"],
)
def test_padding_and_unknown_ids_change_nothing(lstm, history):
    clean = lstm.call("serving_default", history=[["apple", "fig"]])
    padded = lstm.call("serving_default", history=[history])
    assert (padded["item_id"] == clean["item_id"]).all()
    np.testing.assert_allclose(padded["score"], clean["score"], rtol=1e-6)


@pytest.mark.parametrize("history", [no_ids(), [[""]], [["never seen", ""]]])
def test_an_empty_history_is_answered(lstm, history):
    answer = lstm.call("serving_default", history=history)
    np.testing.assert_allclose(
        answer["score"][0, :KNOWN_ITEMS], np.sort(lstm.expected_scores([]))[::-1], rtol=1e-5
    )


def test_seen_items_are_left_out_beyond_the_window_too(lstm):
    history = [0, 1, 2, 3, 4, 5, 6]
    answers = lstm.ids("serving_default", history=[[ITEMS[item] for item in history]])[0]
    assert answers[:2] == ["hazel", ""]


def test_only_the_last_events_are_read(lstm):
    long = lstm.call("embed_query", history=[[ITEMS[item] for item in range(7)]])
    short = lstm.call("embed_query", history=[[ITEMS[item] for item in range(2, 7)]])
    np.testing.assert_allclose(long["embedding"], short["embedding"], rtol=1e-6)


def test_duplicates_in_a_history_are_events(lstm):
    twice = lstm.call("serving_default", history=[["fig", "fig", "apple"]])
    expected = lstm.expected_scores([5, 5, 0])
    np.testing.assert_allclose(
        twice["score"][0, : KNOWN_ITEMS - 2], np.sort(expected[[1, 2, 3, 4, 6, 7]])[::-1], rtol=1e-5
    )


def test_excluded_ids_are_left_out_beside_the_history(lstm):
    answers = lstm.ids(
        "recommend_excluding",
        history=[["apple"], ["Apple"]],
        exclude=[["fig", "", "unknown"], ["grape", "grape", "hazel"]],
    )
    assert set(answers[0]) == {*ITEMS[:KNOWN_ITEMS], ""} - {"apple", "fig"}
    assert set(answers[1]) == {*ITEMS[:KNOWN_ITEMS], ""} - {"Apple", "grape", "hazel"}


def test_nothing_to_exclude_is_serving_default(lstm):
    plain = lstm.call("serving_default", history=[["apple"]])
    excluding = lstm.call("recommend_excluding", history=[["apple"]], exclude=no_ids())
    assert (plain["item_id"] == excluding["item_id"]).all()


def test_everything_may_be_excluded(lstm):
    answer = lstm.call("recommend_excluding", history=no_ids(), exclude=[ITEMS * 3])
    assert not any(answer["item_id"][0])
    assert np.isneginf(answer["score"]).all()


def test_a_batch_of_none(lstm):
    answer = lstm.call("serving_default", history=np.empty((0, 3), object))
    assert answer["item_id"].shape == (0, 20)


def test_item_vectors_and_zeros_for_unknown_items(lstm):
    vectors = lstm.call("embed_items", item_id=["日本茶", "never seen", "", "new"])["embedding"]
    expected = ops.convert_to_numpy(lstm.retriever.item_vectors())
    np.testing.assert_allclose(vectors[0], expected[3], rtol=1e-6)
    assert not vectors[1:].any()


def test_ids_are_known_in_any_form_that_a_log_may_have(lstm):
    given = ["17850", "17850.0", " 17850.00\u00a0", "cr\u00e8me br\u00fbl\u00e9e\u3000"]
    vectors = lstm.call("embed_items", item_id=given)["embedding"]
    expected = ops.convert_to_numpy(lstm.retriever.item_vectors())
    np.testing.assert_allclose(vectors, expected[[4, 4, 4, 2]], rtol=1e-6)
    excluded = lstm.ids("recommend_excluding", history=[["fig "]], exclude=[["17850.0", "x"]])[0]
    assert not {"fig", "17850"} & set(excluded)


def test_scores_are_products_of_the_two_embeddings(lstm):
    query = lstm.call("embed_query", history=[["fig"]])["embedding"]
    answer = lstm.call("serving_default", history=[["fig"]])
    items = lstm.call("embed_items", item_id=answer["item_id"][0, :7])["embedding"]
    np.testing.assert_allclose(answer["score"][0, :7], items @ query[0], rtol=1e-5)


def test_a_catalogue_of_one_item(exports):
    artefact = Artefact(exports["one_item"])
    assert artefact.ids("serving_default", history=no_ids()) == [["apple", ""]]
    assert artefact.ids("serving_default", history=[["apple"]]) == [["", ""]]


ANN = {
    "user_id": ["ann"],
    "city": ["Köln"],
    "tags": [["a", "b"]],
    "bio": ["Likes thé!"],
    "age": np.float32([32.0]),
    "taste": np.float32([[0.5, -1.0]]),
}


def ann_expected(two_tower) -> np.ndarray:
    inputs = {"history": np.int32([[5]]), "length": np.int32([1]), "user": np.int32([0])}
    inputs |= {f"user_feature.{name}": values[:1] for name, values in USER_VALUES.items()}
    return ops.convert_to_numpy(two_tower.retriever.embed_query(inputs))


def test_user_features_are_given_raw(two_tower):
    found = two_tower.call("embed_query", history=[["fig"]], **ANN)
    np.testing.assert_allclose(found["embedding"], ann_expected(two_tower), rtol=1e-5)
    edges = {"user_id": ["ann\u200b"], "city": ["\u00a0K\u00f6ln "], "tags": [["a ", "b"]]}
    found = two_tower.call("embed_query", history=[["fig"]], **{**ANN, **edges})
    np.testing.assert_allclose(found["embedding"], ann_expected(two_tower), rtol=1e-5)


def test_text_is_lowered_and_split_as_the_dataset_was(two_tower):
    bio = {"bio": ["ΣΊΣΥΦΟΣ_LİKES, unheard-of THÉ, likes"]}
    found = two_tower.call("embed_query", history=[["fig"]], **{**ANN, **bio})
    inputs = {"history": np.int32([[5]]), "length": np.int32([1]), "user": np.int32([0])}
    inputs |= {f"user_feature.{name}": values[:1] for name, values in USER_VALUES.items()}
    inputs["user_feature.bio"] = np.int32([[3, 1, 2]])
    expected = ops.convert_to_numpy(two_tower.retriever.embed_query(inputs))
    np.testing.assert_allclose(found["embedding"], expected, rtol=1e-5)


def test_padding_and_unknown_values_of_a_multivalued_feature_change_nothing(two_tower):
    tags = {"tags": [["", "a", "unheard of", "b", "", "c, one more than the dataset keeps", "c"]]}
    found = two_tower.call("embed_query", history=[["fig"]], **{**ANN, **tags})
    np.testing.assert_allclose(found["embedding"], ann_expected(two_tower), rtol=1e-5)


def test_missing_values_are_index_zero(two_tower):
    nobody = {
        "user_id": ["who?"],
        "city": [""],
        "tags": no_ids(),
        "bio": [""],
        "age": np.float32([np.inf]),
        "taste": np.float32([[np.nan, -np.inf]]),
    }
    found = two_tower.call("embed_query", history=[["fig"]], **nobody)["embedding"]
    inputs = {"history": np.int32([[5]]), "length": np.int32([1]), "user": np.int32([-1])}
    inputs |= {f"user_feature.{n}": np.zeros_like(v[:1]) for n, v in USER_VALUES.items()}
    expected = ops.convert_to_numpy(two_tower.retriever.embed_query(inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_seen_items_may_return_where_they_are_allowed(two_tower):
    best = two_tower.ids("serving_default", history=[["fig"]], **ANN)[0]
    again = two_tower.call("serving_default", history=[[best[0]]], **ANN)
    everything = two_tower.call(
        "recommend_excluding", history=[[best[0]]], exclude=[[best[0]]], **ANN
    )
    assert best[0].encode() not in everything["item_id"][0]
    vectors = ops.convert_to_numpy(two_tower.retriever.item_vectors())
    query = two_tower.call("embed_query", history=[[best[0]]], **ANN)["embedding"][0]
    expected = [ITEMS[item] for item in np.argsort(-(vectors @ query))[:3]]
    assert [item.decode() for item in again["item_id"][0]] == expected


def test_items_without_events_are_recommended_by_their_features(two_tower):
    exclude = [[item for item in ITEMS if item not in ("new", "newer")]]
    answers = two_tower.ids("recommend_excluding", history=[["new"]], exclude=exclude, **ANN)
    assert set(answers[0]) == {"new", "newer", ""}


NOON = 1_700_000_000  # a time, in seconds since 1970


@pytest.fixture(scope="module")
def timed(exports: dict[str, Exported]) -> Artefact:
    return Artefact(exports["timed"])


def embed_timed(timed: Artefact, history: list[str], times: list[int]) -> np.ndarray:
    given = {"history": [history], "history_time": np.array([times], np.int64)}
    return timed.call("embed_query", **given)["embedding"]


def test_times_are_seconds_since_the_first_event_of_the_window(timed):
    history = [0, 1, 2, 3, 4, 5, 6]
    times = [0, NOON, NOON + 60, NOON + 60, NOON + 3600, NOON + 90_000, NOON + 10**6]
    found = embed_timed(timed, [ITEMS[item] for item in history], times)
    inputs = {
        "history": np.int32([history[-WINDOW:]]),
        "history_times": np.int32([[0, 0, 3540, 89_940, 999_940]]),
        "length": np.int32([WINDOW]),
    }
    expected = ops.convert_to_numpy(timed.retriever.embed_query(inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    inputs["history_times"] += np.int32([[0, 0, 0, 0, 10**7]])
    other = ops.convert_to_numpy(timed.retriever.embed_query(inputs))
    assert np.abs(found - other).max() > 1e-3


def test_times_of_padding_and_unknown_ids_do_not_matter(timed):
    clean = embed_timed(timed, ["apple", "fig"], [NOON, NOON + 60])
    history = ["", "never seen", "apple", "new", "fig", ""]
    padded = embed_timed(timed, history, [NOON * 9, 5, NOON, 0, NOON + 60, -1])
    np.testing.assert_allclose(padded, clean, rtol=1e-6)


@pytest.mark.parametrize("history", [no_ids(), [[""]], no_ids(0)])
def test_a_history_without_events_has_no_times(timed, history):
    times = np.zeros(np.shape(history), np.int64)
    answer = timed.call("serving_default", history=history, history_time=times)
    assert np.isfinite(answer["score"]).all() and answer["item_id"].shape[1] == 3


@pytest.fixture(scope="module")
def eventful(exports: dict[str, Exported]) -> Artefact:
    return Artefact(exports["eventful"])


def embed_eventful(
    eventful: Artefact, history: list[str], what: list[str], price: list[float]
) -> np.ndarray:
    given = {"history": [history], "what": [what], "price": np.array([price], np.float32)}
    return eventful.call("embed_query", **given)["embedding"]


def test_what_the_events_were_is_read_as_the_log_was(eventful):
    """Raw values beside the history; only those of the window count."""
    history = [0, 1, 2, 3, 4, 5, 6]
    what = ["view", "view", "view", " Käufe", "käufe", "", "view"]
    price = [1e9, -5, 20, 25, np.nan, 17.5, np.inf]
    found = embed_eventful(eventful, [ITEMS[item] for item in history], what, price)
    inputs = {
        "history": np.int32([history[-WINDOW:]]),
        "event_feature.what": np.int32([[1, 2, 0, 0, 1]]),
        "event_feature.price": np.float32([[0, 1, 0, -0.5, 0]]),
        "length": np.int32([WINDOW]),
    }
    expected = ops.convert_to_numpy(eventful.retriever.embed_query(inputs))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for name, changed in (("what", [[1, 2, 0, 0, 2]]), ("price", [[0, 1, 0, -0.5, 1]])):
        key = f"event_feature.{name}"
        other = {**inputs, key: np.array(changed, inputs[key].dtype)}
        other = ops.convert_to_numpy(eventful.retriever.embed_query(other))
        assert np.abs(found - other).max() > 1e-3


def test_what_padding_and_unknown_ids_were_does_not_matter(eventful):
    clean = embed_eventful(eventful, ["apple", "fig"], ["view", "Käufe"], [10, 30])
    history = ["", "never seen", "apple", "new", "fig", ""]
    what = ["view", "view", "view", "view", "Käufe", "view"]
    price = [90, 90, 10, np.nan, 30, -90]
    padded = embed_eventful(eventful, history, what, price)
    np.testing.assert_allclose(padded, clean, rtol=1e-6)


def test_the_inputs_are_shaped_like_the_history(exports):
    inputs = exports["eventful"].manifest["signatures"]["serving_default"]["inputs"]
    assert inputs["what"] == inputs["history"] == {"dtype": "string", "shape": [None, None]}
    assert inputs["price"] == {"dtype": "float32", "shape": [None, None]}


@pytest.mark.parametrize("history", [no_ids(), [[""]], no_ids(0)])
def test_a_history_without_events_was_nothing(eventful, history):
    given = {"what": history, "price": np.zeros(np.shape(history), np.float32)}
    answer = eventful.call("serving_default", history=history, **given)
    assert np.isfinite(answer["score"]).all() and answer["item_id"].shape[1] == 3


# TensorFlow asks where Keras is when it is imported, so packages are found here
# but refuse to run.
BLOCKER = """
import sys
from importlib.machinery import ModuleSpec

REFUSED = {"recsys", "keras", "tf_keras", "tensorflow_recommenders"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name.split(".")[0] in REFUSED else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        raise ImportError(f"{module.__name__} is not on this machine")

sys.meta_path.insert(0, Blocker())
"""

STRANGER = """
import json, sys
import tensorflow as tf

for package in ("recsys", "keras", "tf_keras", "tensorflow_recommenders"):
    try:
        __import__(package)
    except ImportError:
        continue
    raise SystemExit(f"{package} was to be blocked")

folder, inputs = sys.argv[1], json.loads(sys.argv[2])
signatures = tf.saved_model.load(folder).signatures
answers = {}
for name in sorted(signatures):
    wanted = signatures[name].structured_input_signature[1]
    given = {key: tf.constant(inputs[key]) for key in wanted}
    answers[name] = {key: value.numpy() for key, value in signatures[name](**given).items()}
    answers[name] = {
        key: [[v.decode() if isinstance(v, bytes) else float(v) for v in row] for row in value]
        for key, value in answers[name].items()
    }
print(json.dumps(answers))
"""


def test_it_loads_on_a_machine_without_our_code(exports, two_tower, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    inputs = {
        **{name: np.asarray(value).tolist() for name, value in ANN.items()},
        "history": [["fig", "日本茶"]],
        "exclude": [["new"]],
        "item_id": ["fig", "never seen"],
        "category": [["tea", "17"]],
        "genres": [["a", "never"]],
        "price": [[1.0, 9.0]],
    }
    variables = ("KERAS_BACKEND", "TF_USE_LEGACY_KERAS")
    environment = {name: value for name, value in os.environ.items() if name not in variables}
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(exports["two_tower"].folder), json.dumps(inputs)],
        env={**environment, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout)
    assert sorted(answers) == sorted(two_tower.model.signatures)
    for signature, outputs in answers.items():
        names = two_tower.model.signatures[signature].structured_input_signature[1]
        numbers = ("age", "taste", "price")
        given = {n: np.float32(inputs[n]) if n in numbers else inputs[n] for n in names}
        for name, value in two_tower.call(signature, **given).items():
            if name == "item_id":
                assert [[item.decode() for item in row] for row in value] == outputs[name]
            else:
                np.testing.assert_allclose(value, outputs[name], rtol=1e-5)
