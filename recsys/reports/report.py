"""The one-file report of a run, for people who do not read code."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recsys.errors import Damaged, InputError
from recsys.evaluation.metrics import LIST_METRICS, RANKING_METRICS, parse_metric
from recsys.export.manifest import read_manifest
from recsys.export.verdict import sentences
from recsys.reports import plots
from recsys.reports.leakage import leakage_sentence
from recsys.reports.page import Picture, inline, read_document, read_metrics, write_page
from recsys.reports.seeds import seeds_beside
from recsys.reports.stages import STAGES, stages_of
from recsys.system.display import counted

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

    It reads ``metrics.json`` and ``experiment.yaml``, and where they are there
    ``history.json``, ``examples.json``, ``item_map.json``, ``stages.json``, ``rerank.json`` and
    what the gate found of the SavedModel; and the metrics of other seeds that lie beside the run.
    What is not there is left out of the report. The file needs no network and no other file.

    Args:
        run_folder: such as ``runs/quickstart-lstm/0``.

    Returns:
        The report's path.

    Raises:
        InputError: a document is missing or damaged, or holds no test metrics.
    """
    run_folder = Path(run_folder)
    metrics = evaluated(run_folder)
    experiment = read_document(run_folder / "experiment.yaml")
    history = read_document(run_folder / "history.json", [])
    item_map = read_document(run_folder / "item_map.json", {})
    rerank = read_document(run_folder / "rerank.json", {})
    stages = read_document(run_folder / "stages.json", {})
    name = str(experiment.get("name", "model"))
    headline = headline_metric(metrics["test"], experiment)
    k = parse_metric(headline)[1]
    rows = [
        (kind, f"{kind}@{k}")
        for kind in (*RANKING_METRICS, *LIST_METRICS)
        if f"{kind}@{k}" in metrics["test"]
    ]
    of_seeds = dict.fromkeys([headline, f"recall@{k}", f"hit_rate@{k}"])
    in_table = [metric for metric in of_seeds if metric in metrics["test"]]
    return write_page(
        run_folder / REPORT,
        "report.html",
        **_found(metrics, headline),
        name=name,
        headline=headline,
        k=k,
        rows=rows,
        meanings=MEANINGS,
        names=NAMES,
        chosen=_chosen(metrics, experiment, history, headline),
        seeds=seeds_beside(run_folder, in_table),
        seed_metrics=in_table,
        history=history,
        examples=read_document(run_folder / "examples.json", []),
        item_map=item_map,
        rerank=rerank,
        rerank_rows=[
            (kind, f"{kind}@{k}")
            for kind in ("ndcg", "recall", "coverage", "novelty", "popularity_bias", "diversity")
            if f"{kind}@{k}" in rerank.get("plain", {})
        ],
        gate=_gate(run_folder, experiment),
        stages=stages_of(stages, metrics.get("timing", {}), history),
        stage_names=STAGES,
        reproduce=f"recsys reproduce {shlex.quote(str(run_folder))}",
        experiment=(run_folder / "experiment.yaml").read_text(encoding="utf-8"),
        images=_images(name, headline, metrics, history, item_map),
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


def _found(metrics: dict[str, Any], headline: str) -> dict[str, Any]:
    """What the template shows of ``metrics.json``."""
    baselines = metrics.get("baselines", {})
    comparisons = [each for each in metrics.get("comparisons", []) if each["metric"] == headline]
    split = metrics.get("split", {})
    k = parse_metric(headline)[1]
    return {
        "hit": metrics["test"].get(f"hit_rate@{k}"),
        "counts": metrics.get("counts", {}),
        "comparisons": comparisons,
        "verdicts": {
            each["other"]: _verdict(each) for each in comparisons if each["other"] in baselines
        },
        "baselines": baselines,
        "refitted": metrics.get("baselines_refitted", {}),
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
        "split": split,
        "leakage": leakage_sentence(split) if split else "",
        "quality": metrics.get("quality", {}),
        "notes": [note for notes in metrics.get("notes", {}).values() for note in notes],
        "timing": metrics.get("timing", {}),
        "versions": metrics.get("versions", {}),
        "provenance": metrics.get("provenance", []),
    }


def _chosen(
    metrics: Mapping[str, Any],
    experiment: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    headline: str,
) -> str:
    """What was chosen on which part, in words; what the run's documents do not say is left out."""
    said = []
    training = experiment.get("training", {})
    best = metrics.get("timing", {}).get("best_epoch")
    values = [each[headline] for each in history if each.get(headline) is not None]
    if best and values and training.get("privacy") is None:
        said.append(
            f"Of {counted(len(history), 'epoch')}, number {best} was kept: it had the best "
            f"{headline} on the validation part ({max(values):.4f})."
        )
    elif best:
        said.append(f"The weights of the last epoch, number {best}, were kept.")
    if metrics.get("fitted_part") == "validation":
        said.append(
            "With as many epochs the model was then fitted again on the training and validation "
            "parts together."
        )
    if metrics.get("baseline_settings"):
        said.append("The settings of the baselines were chosen on the validation part, too.")
    said.append("The test part was ranked after that.")
    return " ".join(said)


def _gate(run_folder: Path, experiment: Mapping[str, Any]) -> list[str]:
    """What the gate found of the SavedModel; nothing, before there is one."""
    model = run_folder / "model" / str(experiment.get("export", {}).get("version", "1"))
    if not model.is_dir():
        return []
    try:
        return sentences(read_manifest(model)["gate"])
    except Damaged:  # the export, which comes later, makes it again
        return []


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
    name: str,
    headline: str,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    item_map: Mapping[str, Any],
) -> dict[str, Picture]:
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
    if item_map.get("x"):
        figures["item_map"] = plots.item_map(item_map)
        if "category" in item_map:
            figures["item_map_category"] = plots.item_map(item_map, "category")
    return {key: inline(figure) for key, figure in figures.items()}
