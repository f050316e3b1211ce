"""The one-file page of what is known of users and done with it, for readers who write no code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.reports import user_plots
from recsys.marketing.reports.audience_report import saved_audiences
from recsys.marketing.reports.campaign_report import campaign_section
from recsys.marketing.reports.documents import FILTERS, checked, read_document
from recsys.marketing.reports.plain_findings import plain_finding
from recsys.marketing.reports.replay_report import replay_section
from recsys.protection.encryption import is_encrypted, read_frame
from recsys.reports.page import MEND, Picture, inline, read_metrics, write_page
from recsys.system.reading import reading

TITLES = {
    "buys": "Who will buy",
    "leaves": "Who will leave",
    "value": "How much they will spend",
    "segment": "Which segment they will be in",
}
MEANINGS = {
    "auc": "how often a user who does is ranked above a user who does not; .5 is chance",
    "average_precision": "precision, averaged over all cuts; chance is the share of yes",
    "brier": "mean squared error of the probability; less is better",
    "lift@10%": "how much likelier yes is among the tenth with the highest predictions",
    "mae": "mean absolute error, in the unit of what is predicted; less is better",
    "deviance": "Tweedie deviance: how far from the mean, less strict where much is expected; less "
    "is better, infinite where nothing was expected of a user who spent",
    "rmse": "root of the mean squared error; less is better",
    "total": "sum of what was predicted over the sum of what happened; 1 is right",
    "bias": "mean of what was predicted minus the mean of what happened; 0 is right",
    "rank_correlation": "whether the order of users is right; 1 is perfect",
    "log_loss": "surprise at what came true; less is better",
    "accuracy": "share of users whose likeliest class came true",
    "balanced_accuracy": "accuracy, the mean over classes",
    "macro_f1": "F1, the mean over classes: rare ones count as much as common ones",
}
MOST_USERS = 10
OF_CLUSTERS = (
    "recency_days", "tenure_days", "occasions", "gap_days", "overdue", "value",
    "value_of_occasion", "items", "diversity",
)  # fmt: skip


def write_users_report(
    runs: Sequence[Path],
    path: Path,
    title: str,
    recommended: Sequence[Mapping[str, Any]] = (),
    *,
    audiences: Sequence[Path] = (),
    campaigns: Sequence[Path] = (),
    replays: Sequence[Path] = (),
    notes: Sequence[str] = (),
) -> Path:
    """Writes a page of one or several runs, and of what came of them, in whole or not at all.

    It reads the folders only; of a run ``experiment.yaml``, ``metrics.json``, and
    ``users.parquet`` where it is there. The page needs no network and no other file. Users stand
    on it with their ids, unless these are e-mail addresses or telephone numbers.

    Args:
        runs: folders of runs of ``task: propensity`` or ``task: sentiment``.
        path: of the page.
        title: above it.
        recommended: what each segment is recommended: ``segment``, ``users`` asked, and
            ``items``, each with ``title``, ``share`` of these users, and ``lift``.
        audiences: folders of saved audiences.
        campaigns: folders of built campaign files, measured or not.
        replays: folders of replays.
        notes: sentences above everything else, such as where the data is from.

    Raises:
        InputError: a document is missing or damaged, or a run is of another task.
    """
    by_task: dict[str, list[Path]] = {"propensity": [], "sentiment": []}
    for run in map(Path, runs):
        task = read_document(run / "experiment.yaml", keys=["task"])["task"]
        if task not in by_task:
            raise InputError(
                f"{run} is a run of `task: {task}`; give runs of {' or '.join(by_task)}, "
                "campaigns, replays or audiences"
            )
        by_task[task].append(run)
    predictions = [_prediction_section(run) for run in by_task["propensity"]]
    sentiments = [_sentiment_section(run) for run in by_task["sentiment"]]
    segmented = next((each for each in predictions if each["metrics"]["segments"]), None)
    return write_page(
        path,
        "users.html",
        ("recsys.marketing.reports", "recsys.reports"),
        FILTERS,
        title=title,
        notes=notes,
        sections=predictions,
        sentiments=sentiments,
        meanings=MEANINGS,
        standing={} if segmented is None else _standing(segmented["metrics"]),
        recommended=recommended,
        audiences=saved_audiences(audiences) if audiences else None,
        campaigns=[campaign_section(folder) for folder in campaigns],
        replays=[replay_section(folder) for folder in replays],
    )


def _sentiment_section(run: Path) -> dict[str, Any]:
    """What the page shows of what reviews say."""
    experiment = read_document(run / "experiment.yaml", keys=["name"])
    metrics = read_metrics(run, ["sentiment", "comparison"])
    found = metrics["sentiment"]
    figure = user_plots.sentiment(found["by"], found["groups"], found["years"])
    return {
        "name": experiment["name"],
        "title": "What reviews say",
        "days": None,
        "metrics": metrics,
        "finding": metrics["comparison"]["sentence"],
        "verdict": _verdict(metrics["comparison"]),
        "images": {"sentiment": inline(figure)},
        "experiment": (run / "experiment.yaml").read_text(encoding="utf-8"),
    }


def _prediction_section(run: Path) -> dict[str, Any]:
    """What the page shows of one prediction."""
    experiment = read_document(run / "experiment.yaml", keys=["name", "table"])
    keys = ["segments", "comparison", "importance", "totals"]
    metrics = read_metrics(run, keys)
    table = run / "users.parquet"
    users = _users(table) if table.is_file() else None
    asked = experiment["table"] or {}
    period = {} if asked else experiment["propensity"]["period"]
    verdict = _verdict(metrics["comparison"])
    return {
        "name": experiment["name"],
        "title": TITLES.get(period.get("target", ""), f"Prediction of {asked.get('label')!r}"),
        "days": period.get("days"),
        "metrics": metrics,
        "finding": plain_finding(metrics, period.get("target"), verdict),
        "verdict": verdict,
        "currency": metrics["totals"].get("currency"),
        "users": [] if users is None else _highest(users, named=not is_encrypted(table)),
        "images": _images(metrics, users),
        "experiment": (run / "experiment.yaml").read_text(encoding="utf-8"),
    }


def _users(table: Path) -> pd.DataFrame:
    with reading(checked(table), MEND):
        return read_frame(table)


def _verdict(comparison: Mapping[str, Any]) -> str:
    if comparison["low"] is not None and comparison["low"] <= 0 <= comparison["high"]:
        return "level"
    return "better" if comparison["better"] else "worse"


def _prediction(users: pd.DataFrame) -> str | None:
    """The column with the number that is predicted; None of several classes."""
    return next((name for name in ("probability", "amount") if name in users), None)


def _highest(users: pd.DataFrame, named: bool) -> list[dict[str, Any]]:
    """The users with the highest predictions, with the reasons for them; by id if it is to be."""
    column = _prediction(users)
    if column is None:
        return []
    found: list[dict[str, Any]] = []
    for _, user in users.nlargest(MOST_USERS, column).iterrows():
        reasons = [{"name": name, "value": user[name]} for name in user["reasons"]]
        segment = user.get("segment")
        found.append(
            {
                "user": user["user"] if named else f"no. {len(found) + 1}",
                "predicted": float(user[column]),
                "segment": segment,
                "reasons": reasons,
            }
        )
    return found


def _images(metrics: Mapping[str, Any], users: pd.DataFrame | None) -> dict[str, Picture]:
    decides = metrics["comparison"]["metric"]
    figures = {
        "importance": user_plots.bars(
            metrics["importance"], f"What {decides} loses when a feature is shuffled"
        )
    }
    if curves := metrics["curves"]:
        figures["curves"] = user_plots.gains_and_calibration(
            curves["gains"], curves["gains_baseline"], curves["calibration"]
        )
    if metrics["coefficients"]:
        figures["coefficients"] = user_plots.bars(
            metrics["coefficients"], "Weights of the linear model (standardised)"
        )
    column = None if users is None else _prediction(users)
    # A table may have segments of its own.
    if users is not None and column is not None and metrics["segments"]:
        groups = {
            name: users.loc[users["segment"] == name, column].tolist()
            for name in user_plots.SEGMENT_COLOURS
        }
        shown = {name: values for name, values in groups.items() if values}
        title = "Predicted for users of now, by segment (middle half, median)"
        figures["by_segment"] = user_plots.by_segment(shown, title, column == "probability")
    return {name: inline(figure) for name, figure in figures.items()}


def _standing(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Where users stand: segments, moves, clusters."""
    segments, clusters = metrics["segments"], metrics["clusters"]
    names = list(segments["counts"])
    images = {
        "segments": user_plots.segments_over_time(segments["cutoffs"], segments["counts"]),
        "transitions": user_plots.transitions(segments["transitions"], names),
    }
    return {
        "thresholds": segments["thresholds"],
        "clusters": clusters
        and {
            **clusters,
            "median": {
                name: clusters["median"][name] for name in OF_CLUSTERS if name in clusters["median"]
            },
        },
        "images": {name: inline(figure) for name, figure in images.items()},
    }
