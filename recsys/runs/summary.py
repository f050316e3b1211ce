"""A run in a few lines: the model beside its baselines, and which differences are real."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys.evaluation.seeds import OverSeeds, over_seeds
from recsys.runs.folder import RunFolder
from recsys.system.text_table import text_table

# What an order of the best items may be good for, beside accuracy.
OF_LISTS = ("coverage", "novelty", "diversity")


def summary(folder: RunFolder) -> str:
    """The headline of a run's ``metrics.json`` as text.

    Args:
        folder: an evaluated run.
    """
    metrics = folder.read_metrics(["test", "baselines", "comparisons"])
    experiment = folder.read_experiment()
    names = shown_metrics(experiment.evaluation.metric)
    rows = {experiment.name: metrics["test"], **metrics["baselines"]}
    sentences = [comparison["sentence"] for comparison in metrics["comparisons"]]
    if privacy := metrics.get("privacy"):
        sentences.append(privacy_sentence(privacy))
    found = metrics_table(f"{folder.path}: test", names, rows) + "\n".join(sentences)
    if experiment.export.rerank is not None and folder.rerank.is_file():
        found += "\n" + _rerank_table(
            folder.files.read(folder.rerank), experiment.evaluation.metric
        )
    return found


def _rerank_table(effect: Mapping[str, Any], headline: str) -> str:
    """What ``export.rerank`` changes, as ``rerank.json`` has it."""
    k = headline.rpartition("@")[2]
    names = list(dict.fromkeys([headline, f"recall@{k}", *(f"{kind}@{k}" for kind in OF_LISTS)]))
    title = f"export.rerank: test, {effect['queries']:,} of {effect['of']:,} queries"
    rows = {"by score": effect["plain"], "reranked": effect["reranked"]}
    return metrics_table(title, names, rows)


def privacy_sentence(privacy: Mapping[str, Any]) -> str:
    """What a training did for users, in a sentence.

    Args:
        privacy: as in ``metrics.json``.

    >>> privacy_sentence({"epsilon": 7.9962, "delta": 1e-5, "noise_multiplier": 0.7131,
    ...                   "clip_norm": 1.0})
    'weights are differentially private for each user: epsilon 8.00 at delta 1e-05 (noise \
multiplier 0.713, clip norm 1)'
    """
    return (
        f"weights are differentially private for each user: epsilon {privacy['epsilon']:.2f} at "
        f"delta {privacy['delta']:.2g} (noise multiplier {privacy['noise_multiplier']:.3f}, clip "
        f"norm {privacy['clip_norm']:g})"
    )


def seeds_summary(folders: Sequence[RunFolder]) -> str:
    """The seeds of one experiment as a table: each, their mean with its interval, the spread.

    Args:
        folders: of at least two evaluated runs, one per seed.
    """
    found = [folder.read_metrics(["test"])["test"] for folder in folders]
    names = shown_metrics(folders[0].read_experiment().evaluation.metric)
    rows = [
        (f"seed {folder.path.name}", *(_cell(test[name]) for name in names))
        for folder, test in zip(folders, found, strict=True)
    ]
    values = {name: [test[name]["value"] for test in found] for name in names}
    # A test part on which a metric is not defined has it for no seed.
    over = {name: None if None in each else over_seeds(each) for name, each in values.items()}
    rows += [
        ("mean", *(_mean(over[name]) for name in names)),
        ("spread", *(_spread(over[name]) for name in names)),
    ]
    return text_table(f"{folders[0].path.parent}: test, {len(folders)} seeds", names, rows) + (
        "Intervals are at 95 %: of a seed over users (bootstrap), of the mean over seeds "
        "(Student's t). The spread is the standard deviation between seeds."
    )


def shown_metrics(headline: str) -> list[str]:
    """The metric that a run is judged by, and those that are shown beside it.

    >>> shown_metrics("ndcg@10")
    ['ndcg@10', 'recall@10', 'hit_rate@10', 'mrr@10']
    """
    k = headline.rpartition("@")[2]
    return list(dict.fromkeys([headline, f"recall@{k}", f"hit_rate@{k}", f"mrr@{k}"]))


def _mean(found: OverSeeds | None) -> str:
    return "" if found is None else f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f})"


def _spread(found: OverSeeds | None) -> str:
    return "" if found is None else f"{found.deviation:.4f}"


def metrics_table(
    title: str, names: Sequence[str], rows: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> str:
    """Metrics with their intervals as text.

    Args:
        title: above it.
        names: of the metrics, a column each.
        rows: of each contender, the metrics as ``metrics.json`` has them.
    """
    cells = {name: [_cell(values[metric]) for metric in names] for name, values in rows.items()}
    return text_table(title, names, [(name, *values) for name, values in cells.items()])


def _cell(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "infinite"
    if value["low"] is None:
        return f"{value['value']:.4f}"
    return f"{value['value']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
