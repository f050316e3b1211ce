"""One sentiment experiment on one page: reviews in, a score of every review out."""

import time
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.marketing.at_work import at_work, versions
from recsys.marketing.reports.users_report import write_users_report
from recsys.marketing.sentiment.experiment import SentimentExperiment
from recsys.marketing.sentiment.features import quality_before
from recsys.marketing.sentiment.model_selection import Selected, select_sentiment_model
from recsys.marketing.sentiment.reviews import SCORED, Reviews, read_reviews, write_quarantine
from recsys.protection.encryption import write_frame
from recsys.protection.forgotten import forgotten_users
from recsys.runs.console import say, working
from recsys.runs.folder import RunFolder
from recsys.system.display import counted
from recsys.system.files import atomic_path

MOST_ITEMS = 10
# Fewer reviews say little of an item.
FEWEST_REVIEWS = 5


def run_sentiment(
    experiment: SentimentExperiment, runs_dir: Path, overwrite: bool = False
) -> RunFolder:
    """Fits, selects and tests models, and scores every review; once per run folder.

    Beside ``metrics.json`` it leaves ``reviews.parquet`` (every review with its sentiment) and
    ``quarantine.parquet`` (rows that could not be used).

    Raises:
        InputError: see :func:`recsys.marketing.sentiment.reviews.read_reviews` and
            :func:`recsys.marketing.sentiment.model_selection.select_sentiment_model`.
    """
    with at_work(experiment, None, runs_dir, overwrite) as (folder, tracker):
        if not (folder.files.all_hold(folder.metrics) and folder.has_metrics()):
            began = time.monotonic()
            reviews = read_reviews(experiment.reviews, forgotten_users(runs_dir))
            say(f"{counted(len(reviews.table), 'review')}")
            for note in reviews.notes:
                say(f"  {note}")
            with working("reading reviews") as tell:
                selected = select_sentiment_model(reviews, experiment.sentiment, tell)
            quarantine, scored = folder.path / "quarantine.parquet", folder.path / SCORED
            encryption = experiment.reviews.protection.open_encryption()
            with folder.files.making(quarantine, scored, folder.metrics):
                write_quarantine(reviews, quarantine, encryption)
                with atomic_path(scored, private=True) as temporary:
                    write_frame(selected.scored, temporary, encryption)
                document = _document(selected, reviews, time.monotonic() - began)
                folder.write_metrics(document)
        metrics = folder.read_metrics(["test"])
        report = write_users_report([folder.path], folder.report, experiment.name)
        tracker.log_metrics({name: metrics[name] for name in ("test", "validation", "timing")})
        tracker.log_metrics({f"baseline_{k}": v for k, v in metrics["baselines"].items()})
        for artefact in (folder.metrics, report):
            tracker.log_artifact(artefact)
    return folder


def _document(selected: Selected, reviews: Reviews, seconds: float) -> dict[str, Any]:
    """What ``metrics.json`` holds; the network's metrics are ``test``, TF-IDF the baseline."""
    chosen, baseline = selected.chosen.kind, selected.baseline.kind
    said = selected.as_document()
    return {
        "test": selected.metrics[chosen],
        "validation": {"auc": selected.chosen.validation},
        "baselines": {baseline: selected.metrics[baseline]},
        "comparison": {
            "metric": "auc",
            "baseline": baseline,
            "better": selected.comparison["value"] > 0,
            **selected.comparison,
            "sentence": selected.verdict,
        },
        "chosen": {"kind": chosen, "settings": selected.chosen.settings},
        "scoring": selected.scoring.kind,
        "estimators": said["tried"],
        "parts": selected.parts,
        "sentiment": _described(selected.scored),
        "notes": reviews.notes,
        "quality": {"rows_kept": len(reviews.table), "quarantined": reviews.reasons},
        "timing": {"seconds": seconds},
        "versions": versions(),
    }


def _described(scored: pd.DataFrame) -> dict[str, Any]:
    """Sentiment by category or by stars, over the years, and of the best and the worst items."""
    by = "category" if "category" in scored else "stars"
    groups = scored.groupby(by)["sentiment"].agg(["mean", "size"])
    years = pd.to_datetime(scored["time"], unit="us").dt.year
    yearly = scored.groupby(years)["sentiment"].agg(["mean", "size"])
    items = quality_before(scored, int(scored["time"].max()) + 1)
    items = items[items["reviews"] >= FEWEST_REVIEWS].sort_values("quality", ascending=False)
    return {
        "by": by,
        "groups": [[str(name), float(m), int(n)] for name, m, n in groups.itertuples()],
        "years": [[int(year), float(m), int(n)] for year, m, n in yearly.itertuples()],
        "best": _items(items.head(MOST_ITEMS)),
        "worst": _items(items.tail(MOST_ITEMS)[::-1]),
    }


def _items(found: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"item": str(item), "quality": float(row["quality"]), "reviews": int(row["reviews"])}
        for item, row in found.iterrows()
    ]
