"""The final evaluation of a trained model, beside the baselines."""

from typing import Any

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.evaluation.baseline_settings import choose_settings
from recsys.evaluation.comparison import Contender, compare
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import evaluate, evaluate_baselines, rank_as_evaluated
from recsys.evaluation.findings import findings
from recsys.evaluation.ranking import Embedder, RankedQueries, Scorer


def evaluate_finally(
    name: str,
    scorer: Scorer | Embedder,
    dataset: Dataset,
    seen: Seen,
    config: EvaluationConfig,
    fitted_part: Part,
) -> tuple[RankedQueries, dict[str, Any]]:
    """Ranks the test part once, computes its metrics, and compares it with every baseline.

    Args:
        name: of the model, for the sentences of the comparison.
        scorer: the model.
        dataset: the log.
        seen: whether seen items may be recommended.
        config: the evaluation's settings.
        fitted_part: the last part that the model was fitted on. The baselines
            are fitted on the same, and in a second column up to validation.

    Returns:
        The ranking of the test part, and the sections of ``metrics.json`` that
        follow from rankings; ``notes`` is what a person must know to read them.
        ``validation`` is missing where the model was fitted on that part.
    """
    ranked: dict[Part, RankedQueries] = {}
    found: dict[Part, dict[str, Any]] = {}
    parts: tuple[Part, ...] = ("validation", "test") if fitted_part == "train" else ("test",)
    for part in parts:
        queries = dataset.queries(part, config.last_only)
        ranked[part] = rank_as_evaluated(scorer, dataset, queries, seen, config, fitted_part)
        found[part] = evaluate(ranked[part], dataset, config, fitted_part)
    settings = choose_settings(dataset, seen, config)
    fitted: set[Part] = {fitted_part, "validation"}
    beside = {
        part: evaluate_baselines(dataset, "test", seen, config, part, settings) for part in fitted
    }
    model = Contender(name, ranked["test"])
    others = [Contender(other, theirs) for other, (_, theirs) in beside[fitted_part].items()]
    comparisons = compare([(model, other) for other in others], [config.metric])
    test = found["test"]
    headline = test["metrics"][config.metric]["value"]
    said = findings(ranked["test"], scorer.catalogue_items, config.k, config.metric, headline)
    sections = {
        **{str(part): found[part]["metrics"] for part in parts},
        "baselines": {other: metrics for other, (metrics, _) in beside[fitted_part].items()},
        "baselines_refitted": {
            other: metrics for other, (metrics, _) in beside["validation"].items()
        },
        "baseline_settings": settings,
        "comparisons": [comparison.as_dict() for comparison in comparisons],
        **{section: test[section] for section in ("slices", "counts", "popularity")},
        "fitted_part": fitted_part,
        "notes": {"test": said},
    }
    return ranked["test"], sections
