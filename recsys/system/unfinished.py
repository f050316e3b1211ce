"""Runs that were stopped before their end: what they lack, and what finishes them."""

from pathlib import Path

from recsys.errors import InputError
from recsys.system.wording import in_shell

RUNS = Path("runs")


class Unfinished(InputError):
    """A run has not come to its end, and does not have yet what it is asked for.

    Args:
        run: its folder, ``<runs-dir>/<name>/<seed>``.
        lacks: what it does not have yet, in words.
    """

    def __init__(self, run: Path, lacks: str) -> None:
        file, runs_dir = run / "experiment.yaml", run.parent.parent
        elsewhere = runs_dir != RUNS
        if in_shell():
            option = f" --runs-dir {runs_dir}" if elsewhere else ""
            finishes = f"recsys run {file}{option}"
        else:
            option = f", runs_dir={str(runs_dir)!r}" if elsewhere else ""
            finishes = f"recsys.run({str(file)!r}{option})"
        super().__init__(
            f"{run} is unfinished: it has no {lacks} yet. `{finishes}` goes on where it stopped"
        )
