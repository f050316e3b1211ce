"""The one-file report of a run, for people who do not read code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.evaluation.metrics import LIST_METRICS, RANKING_METRICS, parse_metric
from recsys.reports import plots
from recsys.reports.page import inline, read_document, read_metrics, write_page

REPORT = "report.html"
NAMES = {
    "popular": "most popular items",
    "recent_popular": "recently popular items",
    "item_knn": "item-to-item neighbours",
    "ease": "linear model of items (EASE)",
    "als": "matrix factorisation (implicit ALS)",
    "markov": "Markov chain of the last items",
}
MEANINGS = {
    "recall": "share of the held-out items that the list holds",
    "precision": "share of the list that was held out",
    "hit_rate": "share of the lists that hold at least one held-out item",
    "ndcg": "as recall, but items near the top of the list count for more; 1 is perfect",
    "map": "how far the top of the list is free of wrong items; 1 is perfect",
    "mrr": "one over the place of the first held-out item; 0 if the list has none",
    "coverage": "share of all items that are recommended to somebody",
    "novelty": "how surprising what is recommended is, in bits: one more is half as popular",
    "diversity": "how different the items of a list are: 1 minus the mean cosine of their vectors",
    "popularity_bias": (
        "how much more popular recommendations are than what the same users consumed: "
        "0 is equally, 1 is twice as popular"
    ),
}


def write_report(run_folder: Path) -> Path:
    """Writes ``report.html`` into a run folder, in whole or not at all.

    It reads the run folder only: ``metrics.json`` and ``experiment.yaml``, and
    ``history.json``, ``examples.json`` and ``rerank.json`` where they are there. What
    ``metrics.json`` does not hold is left out of the report. The file needs no
    network and no other file.

    Args:
        run_folder: such as ``runs/quickstart-lstm/0``.

    Returns:
        The report's path.

    Raises:
        InputError: a document is missing or damaged, or holds no test metrics.
    """
    run_folder = Path(run_folder)
    metrics = evaluated(run_folder)
    experiment = run_folder / "experiment.yaml"
    return write_page(
        run_folder / REPORT,
        "report.html",
        **_context(
            metrics,
            read_document(experiment),
            experiment.read_text(encoding="utf-8"),
            read_document(run_folder / "history.json", []),
            read_document(run_folder / "examples.json", []),
            read_document(run_folder / "rerank.json", {}),
        ),
    )


def evaluated(run_folder: Path) -> dict[str, Any]:
    """What an evaluated run found.

    Args:
        run_folder: of one run.

    Raises:
        InputError: ``metrics.json`` is missing or damaged, or holds no test metrics.
    """
    metrics = read_metrics(run_folder)
    if not metrics.get("test"):
        raise InputError(
            f"{run_folder / 'metrics.json'} holds no test metrics: evaluate the run first "
            "(`recsys evaluate`)"
        )
    return metrics


def _context(
    metrics: dict[str, Any],
    experiment: dict[str, Any],
    experiment_text: str,
    history: list[dict[str, Any]],
    examples: list[dict[str, Any]],
    rerank: dict[str, Any],
) -> dict[str, Any]:
    """What the template shows."""
    name = str(experiment.get("name", "model"))
    headline = headline_metric(metrics["test"], experiment)
    k = parse_metric(headline)[1]
    baselines = metrics.get("baselines", {})
    comparisons = metrics.get("comparisons", [])
    return {
        "name": name,
        "headline": headline,
        "k": k,
        "hit": metrics["test"].get(f"hit_rate@{k}"),
        "counts": metrics.get("counts", {}),
        "comparisons": [each for each in comparisons if each["metric"] == headline],
        "verdicts": {
            each["other"]: _verdict(each)
            for each in comparisons
            if each["metric"] == headline and each["other"] in baselines
        },
        "baselines": baselines,
        "refitted": metrics.get("baselines_refitted", {}),
        "rows": [
            (kind, f"{kind}@{k}")
            for kind in (*RANKING_METRICS, *LIST_METRICS)
            if f"{kind}@{k}" in metrics["test"]
        ],
        "meanings": MEANINGS,
        "test": metrics["test"],
        "validation": metrics.get("validation", {}),
        "warnings": sorted(
            {each["warning"] for each in metrics["test"].values() if "warning" in each}
        ),
        "baseline_settings": {
            name: settings
            for name, settings in metrics.get("baseline_settings", {}).items()
            if settings
        },
        "slices": metrics.get("slices", {}),
        "popularity": metrics.get("popularity"),
        "split": metrics.get("split", {}),
        "quality": metrics.get("quality", {}),
        "notes": [note for notes in metrics.get("notes", {}).values() for note in notes],
        "timing": metrics.get("timing", {}),
        "versions": metrics.get("versions", {}),
        "history": history,
        "examples": examples,
        "rerank": rerank,
        "rerank_rows": [
            (kind, f"{kind}@{k}")
            for kind in ("ndcg", "recall", "coverage", "novelty", "popularity_bias", "diversity")
            if f"{kind}@{k}" in rerank.get("plain", {})
        ],
        "experiment": experiment_text,
        "names": NAMES,
        "images": _images(name, headline, metrics, history),
    }


def headline_metric(test: Mapping[str, Any], experiment: Mapping[str, Any]) -> str:
    """The metric that a run is judged by.

    Args:
        test: metrics of the test part.
        experiment: the run's, as plain values.

    Raises:
        InputError: the test part was not measured by it.
    """
    metric = experiment.get("evaluation", {}).get("metric", "ndcg@10")
    if metric not in test:
        raise InputError(
            f"metrics.json has no test {metric}, the metric of experiment.yaml: it has "
            f"{', '.join(test)}. They belong to different runs; evaluate again."
        )
    return str(metric)


def _verdict(comparison: Mapping[str, Any]) -> str:
    if not comparison["real"]:
        return "no real difference"
    return "model is better" if comparison["difference"] > 0 else "model is worse"


def _images(
    name: str, headline: str, metrics: Mapping[str, Any], history: list[dict[str, Any]]
) -> dict[str, str]:
    """The figures that the run's documents allow, as ``data:`` addresses."""
    k = parse_metric(headline)[1]
    found = metrics.get("baselines", {}).items()
    best_first = sorted(found, key=lambda each: -each[1].get(headline, {}).get("value") or 0.0)
    baselines = {NAMES.get(each, each): values for each, values in best_first}
    shown = [headline, f"hit_rate@{k}" if headline != f"hit_rate@{k}" else f"ndcg@{k}"]
    figures = {"baselines": plots.beside_baselines(name, metrics["test"], baselines, shown)}
    if history:
        figures["history"] = plots.learning_curve(history, headline)
    if metrics.get("slices"):
        figures["slices"] = plots.slices(metrics["slices"], headline)
    if metrics.get("popularity"):
        figures["popularity"] = plots.popularity(metrics["popularity"])
    return {key: inline(figure) for key, figure in figures.items()}
