"""The quickstart: two models on MovieLens-100K, end to end.

Usage: python scripts/quickstart.py [--runs-dir runs] [KEY=VALUE ...]

Runs ``experiments/quickstart-lstm.yaml`` and ``quickstart-two-tower.yaml`` (each
``recsys run``), shows both beside the baselines, and what the exported models
recommend to a real user. ``KEY=VALUE`` overrides both experiments (the tests cut
them down).
"""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import recsys
from recsys.tracking import page_command

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
NAMES = ("quickstart-lstm", "quickstart-two-tower")
RECOMMENDED = 5
BAR = 40  # characters of the best contender's bar
WIDTH = 120

console = Console(file=sys.stdout, width=WIDTH, highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("recsys").setLevel(logging.INFO)

    runs: list[recsys.Run] = []
    for name in NAMES:
        logging.getLogger("recsys.quickstart").info("\n%s", name)
        file = EXPERIMENTS / f"{name}.yaml"
        run = recsys.run(file, arguments.overrides, runs_dir=arguments.runs_dir)
        assert isinstance(run, recsys.Run)
        runs.append(run)
    _show_metrics(runs)
    _show_recommendations(runs)
    for run in runs:
        print(f"report:      {run.report}")
    print(f"all runs:    {page_command(arguments.runs_dir, runs[0].path)}")
    program = os.path.relpath(Path(sys.executable).with_name("recsys"))
    print(f"ask a model: {program} recommend {runs[0].path} --history 50,181,172")
    print(f"your log:    {program} init events.csv")


def _show_metrics(runs: list[recsys.Run]) -> None:
    """Both models and the baselines, the best first, and which differences are real."""
    headline = runs[0].experiment.evaluation.metric
    # The baselines are those of either run: both read one dataset.
    found = runs[0].metrics.loc[headline]
    models = [run.name for run in runs]
    for run in runs[1:]:
        found.loc[run.name] = run.metrics.loc[(headline, run.name)]
    found = found.sort_values("value", ascending=False)
    counts = runs[0].document("metrics")["counts"]
    console.print(
        f"\n[bold]{headline} on the last part of the log[/]: {counts['targets']:,} ratings of "
        f"{counts['users']:,} users to predict, among all films",
    )
    table = Table(box=None)
    for heading in ("", headline, "95 % interval", ""):
        table.add_column(heading, justify="left", no_wrap=True)
    best = found["value"].iloc[0]
    for name, (value, low, high) in zip(found.index, found.to_numpy(), strict=True):
        table.add_row(
            Text(name, "bold" if name in models else ""),
            f"{value:.4f}",
            f"{low:.4f} to {high:.4f}" if low == low else "",
            Text(
                "█" * round(BAR * value / best) if best > 0 else "",
                "blue" if name in models else "bright_black",
            ),
        )
    console.print(table)
    console.print()
    for run in runs:
        for sentence in verdict(run.name, run.comparisons.to_dict("records")):
            print(sentence)
    print(recsys.compare(runs).loc[0, "sentence"])


def verdict(model: str, comparisons: list[dict[str, Any]]) -> list[str]:
    """Whether a model beats its baselines, in words.

    Args:
        model: its name.
        comparisons: of ``metrics.json``, of one metric.

    Returns:
        One sentence if every difference is real and in the model's favour, else the sentence
        of each baseline that is not beaten.
    """
    open_ones = [each for each in comparisons if not (each["real"] and each["difference"] > 0)]
    if open_ones:
        return [each["sentence"] for each in open_ones]
    nearest = min(comparisons, key=lambda each: each["difference"])
    return [
        f"{model} beats every baseline; the nearest, {nearest['other']}, by "
        f"{nearest['difference']:.4f} {nearest['metric']} "
        f"(95 % interval of the paired difference {nearest['low']:.4f} to {nearest['high']:.4f})."
    ]


def _show_recommendations(runs: list[recsys.Run]) -> None:
    """A user of the test part: the history, and what each SavedModel recommends."""
    dataset = runs[0].dataset
    queries = dataset.queries("test")
    lengths = queries.history_ends - dataset.user_offsets[queries.users]
    # Enough history to show, and not a collector of everything.
    user = int(queries.users[abs(lengths - 30).argmin()])
    begin, end = dataset.user_offsets[user : user + 2]
    titles = [dataset.item_titles[item] for item in dataset.event_items[begin:end]]
    columns = {f"user {dataset.user_ids[user]} rated last": titles[-RECOMMENDED:]}
    for run in runs:
        answer = run.recommend(users=[dataset.user_ids[user]], k=RECOMMENDED)
        columns[f"{run.name} recommends"] = answer["title"].tolist()
    table = Table(box=None)
    for heading in columns:
        table.add_column(heading, no_wrap=True, ratio=1)
    for row in range(RECOMMENDED):
        cells = [column[row] if row < len(column) else "" for column in columns.values()]
        table.add_row(*map(Text, cells))
    console.print()
    console.print(table)
    console.print()


if __name__ == "__main__":
    try:
        main()
    except recsys.InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
