"""Replays the last days of a log: is it enough to go on from yesterday's model?

    python scripts/replay_days.py experiments/default-online-retail.yaml --days 14

For each of the last days with events, the log ends with that day, which is the test part; the
seven days before it are validation, and all that is older is training. Three models are compared:

- *afresh*: trained from nothing;
- *continued*: gone on from the model that was continued the day before (``continue_from``); the
  first of them from a model that was trained afresh for the day before the first;
- *yesterday*: the model that *continued* begins with, as it is, with what is new beside it.

Both are trained as the experiment says, without baselines and export, one seed. Of each day a line
shows the metric and the seconds in training (whatever else a run does takes equally long); the
last line has the mean over days, weighted by the events of their test parts, and the ratios.
Everything lies in ``--runs-dir``, and a replay that was stopped goes on.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recsys.api.steps import do
from recsys.data.sources.addresses import expand_environment
from recsys.evaluation.metrics import parse_metric, ranking_metrics
from recsys.evaluation.ranking import RetrieverEmbedder, rank
from recsys.experiment.schema import Experiment, load_experiment
from recsys.runs.earlier import open_earlier
from recsys.runs.folder import RunFolder
from recsys.system.backend import start_backend
from recsys.training.build import build_retriever
from recsys.training.continuation import carry_over

MODELS = ("afresh", "continued", "yesterday")
SECONDS = ("seconds_afresh", "seconds_continued")
ROW = "{:<12}{:>8}{:>10}{:>10}{:>11}{:>11}{:>12}"


def last_days(times: pd.Series, days: int) -> list[pd.Timestamp]:
    """The last calendar days (UTC) with events, in order, and one more before them."""
    return sorted(times.dt.floor("D").unique())[-days - 1 :]


def of_day(
    experiment: Experiment, log: pd.DataFrame, time: str, day: pd.Timestamp, folder: Path
) -> Experiment:
    """The experiment on the log as it was at the end of a day."""
    file = folder / "logs" / f"{day:%Y-%m-%d}.parquet"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        log[log[time] < day + pd.Timedelta(days=1)].to_parquet(file)
    begins = day - pd.Timedelta(days=7)
    return experiment.with_values(
        {
            "data.log.path": str(file),
            "data.split": {
                "kind": "time",
                "validation_from": begins.isoformat(),
                "test_from": day.isoformat(),
            },
            "evaluation.baselines": [],
            "tracking.enabled": False,
        }
    )


def trained(experiment: Experiment, name: str, values: dict[str, Any], folder: Path) -> RunFolder:
    """Trains and evaluates, or finds that it was done."""
    named = experiment.with_values({"name": name, **values})
    (run,) = do(named, folder, only="train")
    if not run.has_metrics():
        (run,) = do(named, folder, only="evaluate")
    return run


def as_yesterday(experiment: Experiment, values: dict[str, Any], folder: RunFolder) -> float:
    """The metric of the model that a run has gone on from, on the run's test part."""
    named = experiment.with_values(values)
    earlier = open_earlier(named, 1)
    assert earlier is not None
    dataset = folder.dataset()
    retriever = build_retriever(named.model, dataset, "train", 1)
    carry_over(earlier, retriever, dataset)
    metric, k = parse_metric(named.evaluation.metric)
    ranked = rank(
        RetrieverEmbedder(retriever, dataset),
        dataset,
        dataset.queries("test"),
        named.seen,
        k,
        candidates=dataset.recommendable("train"),
    )
    return float(np.mean(ranking_metrics(ranked, [k])[f"{metric}@{k}"]))


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", type=Path, help="of a log in one Parquet file, with times")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--skip", type=int, default=0, help="last days that are left out")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of training.continue_from, such as epochs=1",
    )
    parser.add_argument("--name", default="continued", help="of the continued runs")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/replay"))
    arguments = parser.parse_args(given)
    start_backend()
    experiment = load_experiment(arguments.experiment, arguments.overrides)
    settings = {
        key: json.loads(value) for key, _, value in (s.partition("=") for s in arguments.set)
    }
    log = pd.read_parquet(expand_environment(experiment.data.log.path))
    time = experiment.data.log.columns.time
    if time is None:
        sys.exit("the log has no column of times (data.log.columns.time)")
    log[time] = pd.to_datetime(log[time], utc=True)
    days = last_days(log[time], arguments.days + arguments.skip)
    days = days[: len(days) - arguments.skip]
    print(
        ROW.format("day", "events", "afresh", "continued", "yesterday", "s afresh", "s continued")
    )
    rows, previous = [], None
    for day in days:
        of = of_day(experiment, log, time, day, arguments.runs_dir)
        afresh = trained(of, f"afresh-{day:%Y-%m-%d}", {}, arguments.runs_dir)
        if previous is None:
            previous = afresh
            continue
        values = {"training.continue_from": {"run": str(previous.path), **settings}}
        name = f"{arguments.name}-{day:%Y-%m-%d}"
        continued = trained(of, name, values, arguments.runs_dir)
        rows.append(
            {
                "day": f"{day:%Y-%m-%d}",
                **compared(of, afresh, continued),
                "yesterday": as_yesterday(of, values, continued),
            }
        )
        show(rows[-1])
        previous = continued
    weights = [row["events"] for row in rows]
    mean = {
        key: float(np.average([row[key] for row in rows], weights=weights))
        for key in ("afresh", "continued", "yesterday")
    }
    seconds = {
        key: sum(row[key] for row in rows) for key in ("seconds_afresh", "seconds_continued")
    }
    show({"day": "all", "events": sum(weights), **mean, **seconds})
    print(
        f"continued / afresh: {mean['continued'] / mean['afresh']:.3f} of the metric, "
        f"{seconds['seconds_continued'] / seconds['seconds_afresh']:.3f} of the seconds; "
        f"continued / yesterday: {mean['continued'] / mean['yesterday']:.3f}"
    )


def compared(experiment: Experiment, afresh: RunFolder, continued: RunFolder) -> dict[str, Any]:
    """The metric and the seconds of both, and how many events they were tested on."""
    found = [each.read_metrics(["test", "timing"]) for each in (afresh, continued)]
    metric = experiment.evaluation.metric
    values = [each["test"][metric]["value"] for each in found]
    seconds = [each["timing"]["train_seconds"] for each in found]
    return {
        "events": len(afresh.dataset().queries("test").target_items),
        "afresh": values[0],
        "continued": values[1],
        "seconds_afresh": seconds[0],
        "seconds_continued": seconds[1],
    }


def show(row: dict[str, Any]) -> None:
    """A line of the table."""
    metrics = [f"{row[key]:.4f}" for key in MODELS]
    seconds = [f"{row[key]:.1f}" for key in SECONDS]
    print(ROW.format(row["day"], f"{row['events']:,}", *metrics, *seconds), flush=True)


if __name__ == "__main__":
    main()
