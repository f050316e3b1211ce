"""The quickstart: two models on MovieLens-100K, end to end.

Usage: python scripts/quickstart.py [--runs-dir runs] [KEY=VALUE ...]

Runs ``experiments/quickstart-lstm.yaml`` and ``quickstart-two-tower.yaml`` (each
``recsys run``), compares them, and shows what the exported models recommend to
a real user. ``KEY=VALUE`` overrides both experiments (the tests cut them down).
"""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
NAMES = ("quickstart-lstm", "quickstart-two-tower")
SHOWN = 10


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
    from recsys.runs.folder import RunFolder
    from recsys.runs.summary import summary
    from recsys.tracking import page_command

    folders: list[RunFolder] = []
    for name in NAMES:
        say(f"\n{name}")
        experiment = load_experiment(EXPERIMENTS / f"{name}.yaml", arguments.overrides)
        folders.append(Pipeline(experiment, experiment.training.seeds[0], arguments.runs_dir).run())
    print()
    for folder in folders:
        print(summary(folder), end="\n\n")
    print(_compare(folders), end="\n\n")
    _show_recommendations(folders)
    for folder in folders:
        print(f"report: {folder.report}")
    print(f"MLflow page: {page_command(arguments.runs_dir)}")
    program = os.path.relpath(Path(sys.executable).with_name("recsys"))
    print(f"more: {program} recommend {folders[0].path} --history 50,181,172")


def _compare(folders: list) -> str:
    """Which of the two models is better, in words."""
    from recsys.evaluation.comparison import Contender, compare
    from recsys.evaluation.ranks_file import read_ranks

    contenders = [
        Contender(folder.read_experiment().name, read_ranks(folder.ranks, folder.dataset()))
        for folder in folders
    ]
    metric = folders[0].read_experiment().evaluation.metric
    return compare([(contenders[0], contenders[1])], [metric])[0].sentence


def _show_recommendations(folders: list) -> None:
    """A user of the test part: the history, and what each SavedModel recommends."""
    from recsys.export.recommend import Recommender

    dataset = folders[0].dataset()
    queries = dataset.queries("test")
    lengths = queries.history_ends - dataset.user_offsets[queries.users]
    # Enough history to show, and not a collector of everything.
    user_id = dataset.user_ids[queries.users[abs(lengths - 30).argmin()]]
    table = Table(title=f"user {user_id}", title_justify="left", box=None)
    table.add_column("the last of the history")
    columns = []
    for folder in folders:
        recommender = Recommender(folder.model_version())
        query = recommender.user_query(folder.dataset(), user_id)
        k = min(SHOWN, recommender.manifest["model"]["k"])
        columns.append([row.title for row in recommender.recommend(query, k)])
        table.add_column(folder.read_experiment().name)
    titles = dict(zip(dataset.item_ids, dataset.item_titles, strict=True))
    history = [titles[item] for item in query.history][-SHOWN:]
    for row in range(SHOWN):
        cells = [column[row] if row < len(column) else "" for column in [history, *columns]]
        table.add_row(*map(Text, cells))
    Console(file=sys.stdout, width=150).print(table)


if __name__ == "__main__":
    from recsys.errors import InputError

    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
