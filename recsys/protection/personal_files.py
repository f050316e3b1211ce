"""Which files of a runs folder hold what of users: one table, by which all that protects them goes.

Whatever writes a file that holds ids, raw events or what is known of single users adds it here.
Files that are in the table are readable by their owner only, and ``recsys forget`` looks into them.
"""

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recsys.system.files import PRIVATE

# Within the folder of a run, however deep it lies (trials of sweeps lie deeper).
RUN = "RUN/"
# Folders of the runs folder that hold no runs.
NO_RUNS = ("datasets", "mlartifacts", "audiences", "campaigns", "replays")

# How a file is rid of a user: its rows are written again without those of the user; the dataset is;
# what names the user is taken out of the document; a sentence takes the place of the text; the page
# is made again; the file is removed; or not at all, as what was learned of a user stands in no
# place of its own.
Purge = Literal["rows", "dataset", "document", "text", "page", "remove", "retrain"]


@dataclass(frozen=True)
class PersonalFiles:
    """Files of one kind.

    Attributes:
        pattern: within the runs folder; :data:`RUN` stands for the folder of any run.
        holds: what they hold of users.
        purge: how they are rid of one.
        column: of the ids of users, in tables.
    """

    pattern: str
    holds: str
    purge: Purge
    column: str | None = None


PERSONAL_FILES = (
    PersonalFiles("datasets/*/users.parquet", "ids", "dataset", "user_id"),
    PersonalFiles("datasets/*/quarantine.parquet", "rows as they were given", "dataset", "user"),
    PersonalFiles("datasets/*/*.npy", "events by user", "dataset"),
    PersonalFiles("datasets/*/features/user.*.npy", "features by user", "dataset"),
    PersonalFiles("datasets/*/features/event.*.npy", "features of events by user", "dataset"),
    PersonalFiles("datasets/*/manifest.json", "notes that may name users", "dataset"),
    PersonalFiles("datasets/*.html", "users and rows as examples", "remove"),
    PersonalFiles("datasets/frames/*.parquet", "frames as they were given", "rows"),
    PersonalFiles(f"{RUN}ranks.parquet", "held-out events", "rows", "user_id"),
    PersonalFiles(f"{RUN}examples.json", "histories of a few users", "document"),
    PersonalFiles(f"{RUN}metrics.json", "notes that may name users", "document"),
    PersonalFiles(f"{RUN}at_work.json", "an error that may name a user", "document"),
    PersonalFiles(f"{RUN}uncommitted.diff", "outputs of changed notebooks", "text"),
    PersonalFiles(f"{RUN}report.html", "examples, and users of high predictions", "page"),
    PersonalFiles(f"{RUN}checkpoints/probes.npz", "histories of a few users", "remove"),
    PersonalFiles(f"{RUN}checkpoints/**", "weights", "retrain"),
    PersonalFiles(f"{RUN}model/**", "weights; ids, where the query tower reads them", "retrain"),
    PersonalFiles(f"{RUN}onnx/**", "weights; ids, where the query tower reads them", "retrain"),
    PersonalFiles(f"{RUN}users.parquet", "features and predictions", "rows", "user"),
    PersonalFiles(f"{RUN}predictions.parquet", "what was predicted and came true", "rows", "user"),
    PersonalFiles(f"{RUN}reviews.parquet", "reviews", "rows", "user"),
    PersonalFiles(f"{RUN}quarantine.parquet", "reviews as they were given", "rows", "user"),
    PersonalFiles("*/*.log", "what launched seeds said, which may name users", "remove"),
    PersonalFiles("audiences/*/*/members.parquet", "members", "rows", "user"),
    PersonalFiles("campaigns/*/*/assignments.parquet", "what each user was given", "rows", "user"),
    PersonalFiles("campaigns/*/*/messages.parquet", "what each user was sent", "rows", "user"),
    PersonalFiles("campaigns/*/*/left_out.parquet", "users who were not reached", "rows", "user"),
    PersonalFiles("campaigns/*/*/*.csv", "what a channel's tool imports", "rows", "user"),
    PersonalFiles("replays/*/actions.parquet", "what was triggered", "rows", "user"),
    PersonalFiles("replays/*/left_out.parquet", "rows as they were given", "rows", "user"),
)


def is_personal(path: Path, runs_dir: Path) -> PersonalFiles | None:
    """The kind of a file, if it holds something of users; the first that fits."""
    name = path.relative_to(runs_dir).as_posix()
    for kind in PERSONAL_FILES:
        if kind.pattern.startswith(RUN):
            pattern = kind.pattern.removeprefix(RUN)
            is_of_run = name.partition("/")[0] not in NO_RUNS
            if is_of_run and fnmatch.fnmatchcase(name, f"*/{pattern}"):
                return kind
        elif _fits(name, kind.pattern):
            return kind
    return None


def close_to_others(folder: Path) -> None:
    """Has only their owner read the files of a finished folder, whatever the umask.

    Args:
        folder: which nobody else could look into so far.
    """
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(PRIVATE)


def run_folders(runs_dir: Path) -> Iterator[Path]:
    """The folders of all runs, trials of sweeps too."""
    for file in sorted(runs_dir.rglob("experiment.yaml")):
        if file.relative_to(runs_dir).parts[0] not in NO_RUNS:
            yield file.parent


def _fits(name: str, pattern: str) -> bool:
    """Whether a name fits, folder by folder."""
    names, patterns = name.split("/"), pattern.split("/")
    fits = map(fnmatch.fnmatchcase, names, patterns)
    return len(names) == len(patterns) and all(fits)
