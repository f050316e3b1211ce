"""The gate lets the trained model pass and refuses any other."""

import dataclasses

import numpy as np
import pytest

from recsys.errors import ParityError
from recsys.evaluation.rerank_config import RerankConfig
from recsys.export.parity import ParityGate
from recsys.export.probes import Probes
from recsys.export.signatures import SavedSignatures
from tests.export.conftest import RERANK, Exported


def make_gate(exported: Exported, **changes) -> ParityGate:
    request = exported.request
    arguments = {
        "signatures": SavedSignatures(exported.folder),
        "retriever": exported.retriever,
        "dataset": exported.dataset,
        "seen": request.seen,
        "k": request.config.k,
        "tolerance": request.config.tolerance,
        "fitted_part": request.fitted_part,
        "filters": request.config.filters,
        "rerank": request.config.rerank,
    }
    return ParityGate(**{**arguments, **changes})


def load_probes(exported: Exported) -> Probes:
    return Probes.load(exported.request.probes)


NAMES = [
    *("lstm", "two_tower", "one_item", "timed", "eventful", "context", "reranked", "less_popular")
]


@pytest.mark.parametrize("name", NAMES)
def test_the_trained_model_passes(exports, name):
    result = make_gate(exports[name]).check(load_probes(exports[name]))
    assert result["probes"] == 7
    assert result["largest_relative_difference"] < 1e-5


def test_another_query_tower_is_refused(exports):
    probes = load_probes(exports["lstm"])
    other = dataclasses.replace(probes, embeddings=probes.embeddings * np.float32(1.001))
    with pytest.raises(ParityError, match=r"embed_query differs .* by 0\.001"):
        make_gate(exports["lstm"]).check(other)


def test_a_model_that_recommends_context_is_refused(exports, context_dataset):
    """The artefact of a log without context does, and would be caught."""
    probes = load_probes(exports["lstm"])
    with pytest.raises(ParityError, match="returns an item that was to be left out"):
        make_gate(exports["lstm"], dataset=context_dataset).check(probes)


def test_other_times_are_refused(exports):
    probes = load_probes(exports["timed"])
    histories = dataclasses.replace(
        probes.histories, times=[2 * times for times in probes.histories.times]
    )
    other = dataclasses.replace(probes, histories=histories)
    with pytest.raises(ParityError, match="embed_query differs"):
        make_gate(exports["timed"]).check(other)


def test_events_of_another_kind_are_refused(exports):
    probes = load_probes(exports["eventful"])
    what = [(values + 1) % 3 for values in probes.histories.features["what"]]
    histories = dataclasses.replace(
        probes.histories, features={**probes.histories.features, "what": what}
    )
    other = dataclasses.replace(probes, histories=histories)
    with pytest.raises(ParityError, match="embed_query differs"):
        make_gate(exports["eventful"]).check(other)


def test_another_item_vector_is_refused(exports):
    probes = load_probes(exports["two_tower"])
    vectors = probes.item_vectors.copy()
    vectors[9] += 0.01
    with pytest.raises(ParityError, match="embed_items differs"):
        make_gate(exports["two_tower"]).check(dataclasses.replace(probes, item_vectors=vectors))


def test_a_vector_that_is_not_a_number_is_refused(exports):
    probes = load_probes(exports["lstm"])
    vectors = np.full_like(probes.item_vectors, np.nan)
    with pytest.raises(ParityError):
        make_gate(exports["lstm"]).check(dataclasses.replace(probes, item_vectors=vectors))


def test_items_that_should_have_been_left_out_are_refused(exports):
    # Exported with seen: allow, judged by seen: exclude.
    with pytest.raises(ParityError, match="left out"):
        make_gate(exports["two_tower"], seen="exclude").check(load_probes(exports["two_tower"]))


def test_items_that_are_missing_are_refused(exports):
    with pytest.raises(ParityError, match="items instead of"):
        make_gate(exports["lstm"], seen="allow").check(load_probes(exports["lstm"]))


def test_another_width_than_promised_is_refused(exports):
    with pytest.raises(ParityError, match="by contract"):
        make_gate(exports["lstm"], k=5).check(load_probes(exports["lstm"]))


def test_filters_that_allow_something_else_are_refused(exports, monkeypatch):
    """The mask of the gate is its own: the graph's must be the same."""
    import recsys.export.parity as parity

    def all_but_one(columns, where):
        allowed = allowed_items(columns, where)
        allowed[np.flatnonzero(allowed)[:1]] = False
        return allowed

    allowed_items = parity.allowed_items
    monkeypatch.setattr(parity, "allowed_items", all_but_one)
    with pytest.raises(ParityError, match=r"recommend_filtered, probe .* left out|instead of"):
        make_gate(exports["two_tower"]).check(load_probes(exports["two_tower"]))


def test_a_model_that_lacks_the_filters_is_refused(exports):
    with pytest.raises(ParityError, match=r"expected the signatures .*recommend_filtered"):
        make_gate(exports["lstm"], filters=["price"]).check(load_probes(exports["lstm"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"diversity": 0.6},
        {"popularity": 0.0},
        {"freshness": None},
        {"freshness": {"weight": 0.5, "half_life_days": 2}},
        {"candidates": 1},
    ],
)
def test_another_order_is_refused(exports, changes):
    exported = exports["reranked"]
    rerank = RerankConfig(**{**RERANK, **changes})
    with pytest.raises(ParityError, match=r"serving_default, probe .* (scores|order) differs"):
        make_gate(exported, rerank=rerank).check(load_probes(exported))


def test_the_order_of_scores_alone_is_another(exports):
    with pytest.raises(ParityError, match=r"serving_default, probe .* scores differs"):
        make_gate(exports["reranked"], rerank=None).check(load_probes(exports["reranked"]))
    rerank = RerankConfig(popularity=0.5)
    with pytest.raises(ParityError, match=r"serving_default, probe .* scores differs"):
        make_gate(exports["lstm"], rerank=rerank).check(load_probes(exports["lstm"]))
