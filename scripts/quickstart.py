"""The quickstart: two models on MovieLens-100K, end to end.

Usage: python scripts/quickstart.py [--runs-dir runs] [KEY=VALUE ...]

Runs ``experiments/quickstart-lstm.yaml`` and ``quickstart-two-tower.yaml`` (each
``recsys run``), shows both beside the baselines, and what the exported models
recommend to a real user. ``KEY=VALUE`` overrides both experiments (the tests cut
them down).
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from recsys.runs.folder import RunFolder

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

    from recsys.system.backend import start_backend

    start_backend()
    from recsys.experiment.schema import load_experiment
    from recsys.pipeline import Pipeline
    from recsys.runs.console import say
    from recsys.tracking import page_command

    folders: list[RunFolder] = []
    for name in NAMES:
        say(f"\n{name}")
        experiment = load_experiment(EXPERIMENTS / f"{name}.yaml", arguments.overrides)
        folders.append(Pipeline(experiment, experiment.training.seeds[0], arguments.runs_dir).run())
    _show_metrics(folders)
    _show_recommendations(folders)
    for folder in folders:
        print(f"report:      {folder.report}")
    print(f"all runs:    {page_command(arguments.runs_dir)}")
    program = os.path.relpath(Path(sys.executable).with_name("recsys"))
    print(f"ask a model: {program} recommend {folders[0].path} --history 50,181,172")
    print(f"your log:    {program} init events.csv")


def _show_metrics(folders: "list[RunFolder]") -> None:
    """Both models and the baselines, the best first, and which differences are real."""
    metrics = [
        folder.files.read(folder.metrics, ["test", "baselines", "comparisons", "counts"])
        for folder in folders
    ]
    experiments = [folder.read_experiment() for folder in folders]
    models = {e.name: m["test"] for e, m in zip(experiments, metrics, strict=True)}
    contenders = {**models, **metrics[0]["baselines"]}
    headline = experiments[0].evaluation.metric
    best_first = sorted(contenders, key=lambda name: -contenders[name][headline]["value"])
    best = contenders[best_first[0]][headline]["value"]
    counts = metrics[0]["counts"]
    console.print(
        f"\n[bold]{headline} on the last part of the log[/]: {counts['targets']:,} ratings of "
        f"{counts['users']:,} users to predict, among all films",
    )
    table = Table(box=None)
    for heading in ("", headline, "95 % interval", ""):
        table.add_column(heading, justify="left", no_wrap=True)
    for name in best_first:
        found = contenders[name][headline]
        bar = "█" * round(BAR * found["value"] / best) if best > 0 else ""
        table.add_row(
            Text(name, "bold" if name in models else ""),
            f"{found['value']:.4f}",
            f"{found['low']:.4f} to {found['high']:.4f}" if found["low"] is not None else "",
            Text(bar, "blue" if name in models else "bright_black"),
        )
    console.print(table)
    console.print()
    for name, found in zip(models, metrics, strict=True):
        for sentence in verdict(name, found["comparisons"]):
            print(sentence)
    print(_compare(folders))


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


def _compare(folders: "list[RunFolder]") -> str:
    """Which of the two models is better, in words."""
    from recsys.evaluation.comparison import Contender, compare
    from recsys.evaluation.ranks_file import read_ranks

    contenders = [
        Contender(folder.read_experiment().name, read_ranks(folder.ranks, folder.dataset()))
        for folder in folders
    ]
    metric = folders[0].read_experiment().evaluation.metric
    return compare([(contenders[0], contenders[1])], [metric])[0].sentence


def _show_recommendations(folders: "list[RunFolder]") -> None:
    """A user of the test part: the history, and what each SavedModel recommends."""
    from recsys.export.recommend import Recommender

    dataset = folders[0].dataset()
    queries = dataset.queries("test")
    lengths = queries.history_ends - dataset.user_offsets[queries.users]
    # Enough history to show, and not a collector of everything.
    user_id = dataset.user_ids[queries.users[abs(lengths - 30).argmin()]]
    columns = {}
    for folder in folders:
        recommender = Recommender(folder.model_version())
        query = recommender.user_query(folder.dataset(), user_id)
        k = min(RECOMMENDED, recommender.manifest["model"]["k"])
        answer = recommender.recommend(query, k)
        columns[f"{folder.read_experiment().name} recommends"] = [row.title for row in answer]
    titles = dict(zip(dataset.item_ids, dataset.item_titles, strict=True))
    columns = {
        f"user {user_id} rated last": [titles[item] for item in query.history][-RECOMMENDED:],
        **columns,
    }
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
    from recsys.errors import InputError

    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
