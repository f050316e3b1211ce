"""Collects finished seeds into the committed results, and writes the leaderboard from them.

    python scripts/leaderboard.py [RUNS …] [--replace]
    python scripts/leaderboard.py --check

Each of RUNS is a runs folder, ``runs/NAME`` or ``runs/NAME/SEED``. A seed that was trained and
evaluated with the settings of ``experiments/NAME.yaml`` becomes a line of
``experiments/results/seeds.jsonl``; what cannot become one is named with the reason. Without RUNS
the tables of ``docs/results.md`` and of both READMEs are written again, and nothing else.
``--check`` writes nothing: exit status 1 if a page is not what the lines give.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from result_lines import REPOSITORY, Results, read_results, read_rows, read_run, write_results
from result_tables import leaderboard, read_published, short_leaderboard

from recsys.errors import InputError
from recsys.system.backend import start_backend
from recsys.system.display import counted
from recsys.system.files import atomic_path
from recsys.system.wording import as_typed

BEGIN, END = "<!-- leaderboard: written by scripts/leaderboard.py -->", "<!-- leaderboard ends -->"
PAGE = "docs/results.md"
# By page with the short table: the heads of its columns.
SHORT = {
    "README.md": ("experiment", "ours", "best published", "best baseline"),
    "README.zh.md": ("实验", "本项目", "已发表的最佳结果", "最强基线"),
}


def collect(
    runs: Sequence[Path], experiments: Path, results: Results, replace: bool = False
) -> tuple[Results, list[str]]:
    """The results with those of finished runs.

    Args:
        runs: folders, see above.
        experiments: folder of the experiment files.
        results: what there is.
        replace: lines by those of the runs where their figures differ.

    Returns:
        All results, and a sentence for each run that was left out.

    Raises:
        InputError: a folder holds no run, or a run has other figures than its line.
    """
    found, left_out = [], []
    for path in [each for folder in runs for each in run_folders(folder)]:
        try:
            found.append((path, *read_run(path)))
        except InputError as error:
            left_out.append(str(error))
    rows = read_rows(experiments, {line.experiment for _, line, _ in found})
    kept = []
    for path, line, settings in found:
        row = rows.get(line.experiment)
        if row is None:
            left_out.append(f"{path}: {experiments / line.experiment}.yaml is not there")
        elif changed := row.changed_since(settings):
            left_out.append(
                f"{path}: made with other settings than {experiments / line.experiment}.yaml "
                f"({', '.join(changed)})"
            )
        else:
            kept.append((line, settings))
    return results.with_runs(kept, replace), left_out


def run_folders(path: Path) -> list[Path]:
    """The runs in a runs folder, in the folder of a name, or the run itself.

    Raises:
        InputError: there is none.
    """
    files = [path / "experiment.yaml", *path.glob("*/experiment.yaml")]
    files += path.glob("*/*/experiment.yaml")
    # A sweep's folder holds experiments that were not run, too.
    found = [file.parent for file in files if (file.parent / "dataset.json").is_file()]
    if not found:
        raise InputError(f"{path} holds no run: give a runs folder, runs/NAME or runs/NAME/SEED")
    return sorted(found, key=lambda run: (run.parent, len(run.name), run.name))


def with_table(page: str, tables: str, path: Path) -> str:
    """A page with the tables between its two marks.

    Args:
        page: its text.
        tables: as Markdown.
        path: of the page, for messages.

    Raises:
        InputError: it does not have each mark once, in their order.
    """
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended) or BEGIN in after or END in after:
        raise InputError(f"{path} must have {BEGIN} and then {END}, once each: write them there")
    between = f"\n\n{tables}\n\n" if tables else "\n"
    return f"{before}{BEGIN}{between}{END}{after}"


def pages_with(results: Results, repository: Path) -> dict[Path, str]:
    """What each page holds once its tables are those of the results.

    Args:
        results: all lines.
        repository: the folder that holds ``experiments/`` and the pages.

    Raises:
        InputError: an experiment or a mark is missing, or ``published.yaml`` is wrong.
    """
    experiments = repository / "experiments"
    published = read_published(experiments / "results" / "published.yaml")
    others = sorted({line.experiment for line in results.lines} - set(published.rows))
    names = [*published.rows, *others]
    rows = read_rows(experiments, names)
    if lost := [name for name in names if name not in rows]:
        raise InputError(
            f"there are results of {', '.join(lost)}, and no such experiment in {experiments}: "
            "restore the file, or take its lines out of seeds.jsonl and published.yaml"
        )
    tables = {
        PAGE: leaderboard(results, rows, published),
        **{page: short_leaderboard(results, rows, published, head) for page, head in SHORT.items()},
    }
    return {
        (path := repository / page): with_table(path.read_text(encoding="utf-8"), table, path)
        for page, table in tables.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what was typed; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUNS")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    parser.add_argument(
        "--replace", action="store_true", help="put RUNS in the place of lines with other figures"
    )
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help="this one by default")
    given = parser.parse_args(arguments)
    if given.check and given.runs:
        parser.error("--check looks at the committed files alone: leave RUNS out")
    try:
        with as_typed():
            start_backend()  # the schema of an experiment knows the models
            if given.check:
                return _check(given.repository)
            return _write(given.repository, given.runs, given.replace)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2


def _check(repository: Path) -> int:
    results = read_results(repository / "experiments" / "results")
    old = [path for path, text in pages_with(results, repository).items() if _differs(path, text)]
    for path in old:
        print(f"{path} is out of date: run `python scripts/leaderboard.py`", file=sys.stderr)
    return int(bool(old))


def _write(repository: Path, runs: Sequence[Path], replace: bool) -> int:
    experiments = repository / "experiments"
    before = read_results(experiments / "results")
    results, left_out = collect(runs, experiments, before, replace)
    pages = pages_with(results, repository)  # before anything is written
    if results != before:
        write_results(results, experiments / "results")
    for path, text in pages.items():
        if _differs(path, text):
            with atomic_path(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    for line in results.lines:
        if line not in before.lines:
            value = line.test[line.metric].value
            print(f"{line.experiment}, seed {line.seed}: {line.metric} {value:.4f}")
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    print(f"{counted(len(results.lines), 'line')} in all")
    return 0


def _differs(path: Path, text: str) -> bool:
    return path.read_text(encoding="utf-8") != text


if __name__ == "__main__":
    sys.exit(main())
