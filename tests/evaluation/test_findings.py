"""What is said beside the metrics."""

import numpy as np
import pytest

from recsys.data.queries import Queries
from recsys.errors import InputError
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.findings import findings
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from recsys.evaluation.validation import Validation


def ranked(ranks: list[int], repeats: int = 0) -> RankedQueries:
    """A query per target."""
    numbers = np.arange(len(ranks))
    queries = Queries(
        users=numbers.astype(np.int32),
        history_ends=numbers,
        target_offsets=np.arange(len(ranks) + 1),
        target_items=numbers.astype(np.int32),
        target_events=numbers,
    )
    return RankedQueries(queries, np.array(ranks, np.int32), np.zeros((len(ranks), 20)), repeats)


def said(found: RankedQueries, candidates: int = 500, value: float = 0.1) -> list[str]:
    return findings(found, candidates, (5, 10), "ndcg@10", value)


def test_nothing_of_note():
    assert said(ranked([1] * 100)) == []


def test_events_that_repeat_the_history():
    assert said(ranked([1] * 54, repeats=444)) == [
        "evaluated on 54 test events; left out under `seen: exclude`, as they repeat the history "
        "of their user: 444 of 498 (where people come back to the same items: `seen: allow`)"
    ]


def test_few_events():
    assert said(ranked([1] * 49)) == [
        "evaluated on 49 test events only: the metrics depend on luck (`data.split` can hold "
        "out more)"
    ]


def test_items_that_the_model_does_not_know():
    assert said(ranked([1] * 90 + [UNRANKED] * 10)) == [
        "10 of 100 test events are of items that the model does not know, as training had none of "
        "their events; they count as missed"
    ]


@pytest.mark.parametrize(
    ("candidates", "cuts"), [(11, None), (10, "@10"), (9, "@10"), (5, "@5 and @10")]
)
def test_a_list_as_long_as_the_catalogue(candidates, cuts):
    found = said(ranked([1] * 100), candidates)
    assert found == (
        [
            f"metrics {cuts} look at every item, as the model can recommend only {candidates}: "
            "recall and hit rate there are 1 whatever it learned; set smaller ones in "
            "`evaluation.k` and `evaluation.metric`"
        ]
        if cuts
        else []
    )


@pytest.mark.parametrize(
    ("ranks", "why"),
    [
        ([UNRANKED] * 100, "the model knows none of the items that the test part holds"),
        (
            [UNRANKED, *[37] * 60, *[99] * 60],
            "of 120 test events of items that the model knows, none ranks among the first 10 of "
            "500 (the best rank is 37)",
        ),
    ],
)
def test_a_metric_of_0_and_why(ranks, why):
    assert said(ranked(ranks), value=0.0)[-1] == f"ndcg@10 is 0: {why}"


def test_nothing_but_repeats_is_refused_with_what_mends_it(write_dataset):
    with pytest.raises(InputError, match=r"those that repeat .* \(7\).*`seen: allow`"):
        ranking_metrics(ranked([], repeats=7), [5])
    events = [(0, 0, "train", 0), (0, 1, "train", 1), (0, 0, "validation", 2), (0, 1, "test", 3)]
    dataset = write_dataset(events, users=1, items=2)
    with pytest.raises(InputError, match=r"validation part: .* that repeat .* \(1\)"):
        Validation(None, dataset, "exclude", EvaluationConfig())
