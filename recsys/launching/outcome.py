"""What became of launched seeds, and which MLflow runs hold them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.launching.work import Work
from recsys.runs.folder import RunFolder
from recsys.runs.listing import ListedRun, figure, listed
from recsys.system.display import counted
from recsys.system.text_table import text_table
from recsys.tracking import page_command, record


@dataclass(frozen=True)
class Outcome:
    """How a seed ended.

    Attributes:
        seed: of the run.
        state: in words, such as ``done`` or ``failed (status 1)``.
        status: the exit status; 1 where only that it failed is known.
        log: what it printed, where that lies in a file.
    """

    seed: int
    state: str
    status: int
    log: Path | None = None


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """Of the launch: 0 where every seed is done, 2 where only bad input failed, else 1.

    >>> exit_status([Outcome(1, "done", 0), Outcome(2, "failed (status 2)", 2)])
    2
    """
    failed = {each.status for each in outcomes} - {0}
    return (2 if failed == {2} else 1) if failed else 0


def report(work: Work, outcomes: Sequence[Outcome]) -> str:
    """What became of each seed, what it found, and where MLflow shows it.

    Intervals are at 95 %: of a seed over users, of the mean over seeds (Student's t).

    Args:
        work: that was launched.
        outcomes: of its seeds.
    """
    runs = {each.seed: _found(work.folder(each.seed)) for each in outcomes}
    metric = next((run.metric for run in runs.values() if run and run.metric), "")
    rows = [
        (
            *(f"seed {each.seed}", each.state),
            figure(run) if not each.status and (run := runs[each.seed]) else "",
            *(_run_id(work.folder(each.seed).path), str(each.log or "")),
        )
        for each in outcomes
    ]
    values = [run.value for each in outcomes if not each.status and (run := runs[each.seed])]
    found = [value for value in values if value is not None]
    if len(found) > 1:
        from recsys.evaluation.seeds import over_seeds  # with SciPy

        over = over_seeds(found)
        rows.append(("mean", "", f"{over.mean:.4f} ({over.low:.4f} to {over.high:.4f})", "", ""))
    columns = ["state", f"test {metric}", "MLflow run", "log"]
    title = f"{work.runs_dir / work.name}: {counted(len(outcomes), 'seed')}"
    return text_table(title, columns, rows) + pages(work, work.seeds)


def pages(work: Work, seeds: Iterable[int]) -> str:
    """Where MLflow shows the runs of seeds: a page of a server each, one command for a local store.

    Args:
        work: that was launched.
        seeds: of the runs.
    """
    folders = [work.folder(seed).path for seed in seeds]
    found = [page_command(work.runs_dir, folder) for folder in folders if _run_id(folder)]
    return "\n".join(f"MLflow page: {page}" for page in dict.fromkeys(found))


def _run_id(folder: Path) -> str:
    """The MLflow run that holds a run; empty where there is none."""
    return next(reversed(record.read(folder).values()), "")


def _found(folder: RunFolder) -> ListedRun | None:
    return listed(folder) if folder.experiment.is_file() else None
