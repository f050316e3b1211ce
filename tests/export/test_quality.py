"""What was published recommends as was evaluated, and anything else is refused."""

import numpy as np
import pytest
import tensorflow as tf

from recsys.batch import BatchSpec
from recsys.data.dataset import Dataset
from recsys.errors import ParityError
from recsys.export.quality import PlainOrder, QualityGate
from tests.datasets import write_dataset
from tests.export.conftest import Exported, write_ranks_of

CUTOFFS = (1, 3)


@pytest.fixture
def ranks(tmp_path):
    """Evaluates an export's retriever, or another, and returns the file."""

    def of(exported: Exported, seen: str | None = None, retriever=None):
        seen = seen or exported.request.seen
        retriever = retriever or exported.retriever
        return write_ranks_of(retriever, seen, exported.dataset, tmp_path / "ranks.parquet")

    return of


def gate_of(exported: Exported, changed=lambda answer: answer) -> QualityGate:
    model = tf.saved_model.load(str(exported.folder))

    def call(signature, inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        outputs = model.signatures[signature](**tensors)
        answer = {name: value.numpy() for name, value in outputs.items()}
        return changed(answer) if signature == "serving_default" else answer

    retriever, request = exported.retriever, exported.request
    if request.config.rerank is not None:
        candidates = exported.dataset.recommendable("train")[: retriever.catalogue_items]
        call = PlainOrder(call, exported.dataset, candidates, request.seen, request.config.k)
    return QualityGate(
        call,
        exported.dataset,
        retriever.batch_spec,
        retriever.catalogue_items,
        exported.request.config.k,
    )


@pytest.mark.parametrize(
    "name", ["lstm", "two_tower", "one_item", "timed", "eventful", "context", "reranked"]
)
def test_what_was_evaluated_passes(exports, ranks, name):
    found = gate_of(exports[name]).check(ranks(exports[name]), CUTOFFS, 100, seed=1)
    # Ann's last event repeats her history, which `exclude` leaves out.
    queries = 4 if exports[name].request.seen == "allow" else 3
    assert found.items() >= {"queries": queries, "users": queries, "near_ties": 0}.items()
    assert found["metrics"]["recall@1"]["value"] == found["metrics"]["recall@1"]["evaluated"]


def test_other_weights_are_refused(exports, ranks):
    other = ranks(exports["lstm"], retriever=exports["context"].retriever)
    with pytest.raises(ParityError, match=r"ndcg@3 is .*, evaluated was .* of 3 held-out items"):
        gate_of(exports["lstm"]).check(other, CUTOFFS, 100, seed=1)


def test_another_rule_for_seen_items_is_refused(exports, ranks):
    """Ann's last event is in her history, which the SavedModel never recommends."""
    with pytest.raises(ParityError, match="of 4 held-out items differ"):
        gate_of(exports["lstm"]).check(ranks(exports["lstm"], seen="allow"), (8,), 100, seed=1)


def test_answers_in_another_order_are_refused(exports, ranks):
    def rolled(answer):
        return {**answer, "item_id": np.roll(answer["item_id"], 1, axis=1)}

    with pytest.raises(ParityError, match="does not recommend as was evaluated"):
        gate_of(exports["lstm"], rolled).check(ranks(exports["lstm"]), (8,), 100, 1)


def test_as_many_queries_as_asked_for_are_drawn_by_the_seed(exports, ranks):
    gate, file = gate_of(exports["two_tower"]), ranks(exports["two_tower"])
    found = [gate.check(file, CUTOFFS, 2, seed) for seed in (1, 1, 2, 3, 4)]
    assert all((each["queries"], each["evaluated_queries"]) == (2, 4) for each in found)
    assert found[0] == found[1]


class Known:
    """A stand-in for a SavedModel of three items, of the queries of one user without a history.

    Args:
        scores: of the items ``i0``, ``i1`` and ``i2``, which are their vectors; the query's is 1.
        order: of the answer.
    """

    def __init__(self, scores: list[float], order: list[int]) -> None:
        self.scores = np.array(scores, np.float32)
        self.order = order

    def __call__(self, signature, inputs):
        rows = len(inputs.get("history", ()))
        if signature == "embed_query":
            return {"embedding": np.ones((rows, 1), np.float32)}
        if signature == "embed_items":
            items = [int(item[1:]) for item in inputs["item_id"]]
            return {"embedding": self.scores[items][:, np.newaxis]}
        ids = np.array([f"i{item}".encode() for item in self.order], object)
        return {
            "item_id": np.tile(ids, (rows, 1)),
            "score": np.tile(self.scores[self.order], (rows, 1)),
        }


@pytest.fixture
def one_query(tmp_path, monkeypatch):
    """Checks a stand-in where the held-out item ``i1`` was evaluated to have a rank."""
    dataset: Dataset = write_dataset(tmp_path / "dataset", [[[], [], [1]]], items=3)

    def check(model: Known, evaluated: int, cutoffs=(2,)):
        from recsys.evaluation.ranking import RankedQueries

        queries = dataset.queries("test")
        read = RankedQueries(queries, np.array([evaluated], np.int32), np.empty((1, 0)), 0)
        monkeypatch.setattr("recsys.export.quality.read_ranks", lambda *_: read)
        gate = QualityGate(model, dataset, BatchSpec(max_events=4), 3, len(model.order))
        return gate.check(tmp_path, cutoffs, 10, seed=0)

    return check


def test_metrics_are_worked_out_from_the_answer(one_query):
    found = one_query(Known([3.0, 2.0, 1.0], order=[0, 1, 2]), evaluated=2)
    assert found["metrics"] == {
        "recall@2": {"value": 1.0, "evaluated": 1.0},
        "ndcg@2": {"value": pytest.approx(1 / np.log2(3)), "evaluated": pytest.approx(0.63092975)},
    }


@pytest.mark.parametrize(
    ("scores", "order", "evaluated"),
    [
        ([2.0, 2.001, 1.0], [1, 0, 2], 2),  # would be first but for rounding
        ([2.0, 2.0, 1.0], [1, 0, 2], 1),  # a tie, which counts against it here
        ([2.0, 1.999, 1.998], [0, 1], 3),  # beyond the end of the answer
        ([2.0, 1.998, 1.999], [0, 2], 2),
        ([2.0, 1.9, 1.8], [0, 1], 3),  # last in the answer: how near the next one is, is not seen
    ],
)
def test_near_ties_may_change_places(one_query, scores, order, evaluated):
    assert one_query(Known(scores, order), evaluated)["near_ties"] == 1


@pytest.mark.parametrize(
    ("scores", "order", "evaluated"),
    [
        ([2.0, 2.1, 1.0], [1, 0, 2], 2),
        ([2.0, 1.9, 1.8], [0, 1, 2], 1),
        ([2.0, 2.1, 1.8], [0, 2], 1),  # the answer lacks the best item
        ([2.0, 2.1, 1.8], [1, 0], 3),  # evaluated: cannot be recommended
    ],
)
def test_larger_differences_are_refused(one_query, scores, order, evaluated):
    with pytest.raises(ParityError, match="of 1 held-out item differ"):
        one_query(Known(scores, order), evaluated)
