"""Forgetting users: the list that later work heeds, and what holds them now."""

import contextlib
import json
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from recsys.api.ids import ids_of
from recsys.data.dataset import Dataset
from recsys.data.manifest import MANIFEST
from recsys.data.sources.text import normal_id
from recsys.errors import InputError
from recsys.protection import noted_folders
from recsys.protection.forgotten import NOBODY, ForgottenUsers, add_forgotten
from recsys.protection.personal_files import is_personal, run_folders
from recsys.protection.pseudonyms import pseudonyms_of
from recsys.protection.tables import columns_of, keep_rows, move_events, users_in
from recsys.runs.folder import RunFolder, write_text
from recsys.system.files import atomic_path, given_path, locked, remove_drafts
from recsys.system.manifests import as_document, describe, read_manifest, write_manifest
from recsys.system.reading import read_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEALS = ("manifest.json", "version.json", noted_folders.MANIFEST)
MEND = "Mend it first (run or build it again), or move it out of the runs folder"
NAMED_BY_CONDITION = "`data.log.where`, which names them"
COLUMNS = ["path", "holds", "users", "done"]
PAGE = (
    "<!doctype html><title>Removed</title><p>This page named a user who was forgotten. It is made "
    "again when the experiment is run again.</p>\n"
)
REMOVED = "This text may have named a user who was forgotten.\n"


def forget(users: Any, *, runs_dir: str | Path = "runs", purge: bool = False) -> "pd.DataFrame":
    """Has users forgotten: later preparations, audiences, campaigns and replays leave them out.

    What holds them now is found and, in MLflow, tagged. With ``purge``, it is written again without
    them. What was learned of them stays in weights until the model is trained again.

    Args:
        users: their ids, as in the log.
        runs_dir: the folder of all runs.
        purge: write the files again that hold them, datasets too. Models that read user ids, and
            tables of hashed addresses, are removed.

    Returns:
        A row for each file, dataset, run and model: ``path`` within the runs folder (in full where
        it lies outside), what it ``holds``, of how many of the ``users``, and what was ``done``:
        ``found``, ``rewritten``, ``removed``, ``tagged``, ``retrain: COMMAND``, or ``out of reach:
        REASON``.

    Raises:
        InputError: there are no ids, the key of pseudonyms is not here, or a run that would be
            written again is at work. Nothing was done then.
        Damaged: a file is not what was written, so that it is not known whether it holds them.

    Example:
        >>> found = recsys.forget(["u59"], runs_dir="runs")  # doctest: +SKIP
        >>> found[["path", "done"]]  # doctest: +SKIP
    """
    import pandas as pd

    ids = list(dict.fromkeys(ids_of(users, "users")))
    if not ids or "" in ids:
        raise InputError("users: give the ids of those who are to be forgotten, none of them empty")
    root = given_path(runs_dir, "forget: runs_dir")
    if not root.is_dir():
        raise InputError(f"there is no folder {root}: give the folder of all runs (runs_dir)")
    with locked(root / "datasets"), contextlib.ExitStack() as locks:
        for run in run_folders(root) if purge else ():
            busy = f"another process is at work in {run}: have users forgotten when it has ended"
            locks.enter_context(locked(run, busy))
        for folder in noted_folders.noted_folders(root) if purge else ():
            if (seal := folder / noted_folders.MANIFEST).is_file():
                busy = (
                    f"another process is writing {folder}: have users forgotten when it has ended"
                )
                locks.enter_context(locked(seal, busy))
                remove_drafts(folder)
        forgetting = _Forgetting(root, ids, purge)
        forgetting.forgotten = add_forgotten(root, forgetting.spellings)
        forgetting.datasets()
        forgetting.logs()
        forgetting.runs()
        forgetting.tables()
        forgetting.recommendations()
        forgetting.conditions()
    return pd.DataFrame(forgetting.rows, columns=COLUMNS)


def ids_in(path: Path) -> list[str]:
    """The ids in a text file, one on each line; blank lines are none.

    Raises:
        InputError: the file cannot be read, or is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{path} cannot be read: {reason}") from error
    return [line for line in lines if line.strip()]


@dataclass
class _Forgetting:
    """One request.

    Attributes:
        root: the folder of all runs.
        ids: of the users, as in logs.
        purge: whether files are written again.
        rows: what was found and done.
        forgotten: the list that has them.
    """

    root: Path
    ids: list[str]
    purge: bool
    rows: list[tuple[str, str, int, str]] = field(default_factory=list)
    forgotten: ForgottenUsers = NOBODY

    def __post_init__(self) -> None:
        self._datasets = [
            Dataset(file.parent) for file in sorted(self.root.glob(f"datasets/*/{MANIFEST}"))
        ]
        self._runs = [RunFolder(folder) for folder in run_folders(self.root)]
        # By id, all that may stand for it: itself, and its pseudonym by each key.
        self._same = {user: {user} for user in self.ids}
        for document, what in self._documents():
            if (pseudonyms := pseudonyms_of(document, what)) is not None:
                for user, same in self._same.items():
                    same.add(pseudonyms.of(user))
        self.spellings = frozenset().union(*self._same.values())
        # By dataset: those of the users whom it has, and where its events stand now.
        self._found: dict[Path | None, frozenset[str]] = {}
        self._moved: dict[Path | None, np.ndarray] = {}

    def _documents(self) -> Iterator[tuple[Any, str]]:
        """What says by which keys users are known, and what of."""
        for dataset in self._datasets:
            yield dataset.manifest.pseudonyms, f"the dataset {dataset.path}"
        for run in self._runs:
            if run.metrics.is_file():
                yield run.files.read(run.metrics).get("pseudonyms"), f"the run {run.path}"
        for name in ("campaigns/*/*/campaign.json", "replays/*/replay.json"):
            for file in sorted(self.root.glob(name)):
                yield read_json(file, MEND, ["format"]).get("pseudonyms"), str(file)

    def datasets(self) -> None:
        """Datasets, their pages, and the frames that they were prepared from."""
        from recsys.data.prepare.without_users import cut_users

        frames = {}
        for dataset in self._datasets:
            settings = dataset.manifest.settings
            for section, column in (("log", settings["log"]["columns"]["user"]), ("users", None)):
                table = settings.get(section)
                if table and str(table.get("path")).endswith(".parquet"):
                    frames[Path(str(table["path"])).name] = column or table["key"]
            place = dataset.path.resolve()
            found = self._found[place] = self.spellings & set(dataset.user_ids)
            if found or self._is_quarantined(dataset):
                if self.purge:
                    self._moved[place] = cut_users(dataset, self.spellings)
                self._say(dataset.path, "what they did", len(found), "rewritten", "found")
        for file in sorted(self.root.glob("datasets/frames/*.parquet")):
            if file.name not in frames:
                self._say(file, "a frame of no dataset", 0, "removed", "may hold them")
                if self.purge:
                    file.unlink()
                continue
            self._rows_of(file, frames[file.name], "a frame as it was given")
        for page in sorted(self.root.glob("datasets/*.html")):
            text = page.read_text(encoding="utf-8")
            if any(str(escape(spelling)) in text for spelling in self.spellings):
                self._say(page, "the page of a data check", 0, "removed", "may name them")
                if self.purge:
                    page.unlink()

    def logs(self) -> None:
        """What launched seeds said."""
        for log in sorted(self.root.glob("*/*.log")):
            if self._may_name_them(log):
                self._say(log, "what a launched seed said", 0, "removed", "may name them")
                if self.purge:
                    log.unlink()

    def _is_quarantined(self, dataset: Dataset) -> bool:
        path = dataset.path / "quarantine.parquet"
        users = {normal_id(user) for user in users_in(path, "user") if user is not None}
        lines = [line for line in users_in(path, "raw") if line is not None]
        return bool(users & self.spellings) or any(map(self.forgotten.named_in, lines))

    def runs(self) -> None:
        """Runs: their files, their weights, and their runs in MLflow."""
        for run in self._runs:
            there = self._found.get(self._dataset_of(run), frozenset())
            changed = self._files_of(run)
            if there or changed:
                self._of_run(run, len(there), changed)

    @staticmethod
    def _dataset_of(run: RunFolder) -> Path | None:
        """The dataset that a run reads."""
        if not run.dataset_record.is_file():
            return None
        return (run.path / run.files.read(run.dataset_record, ["path"])["path"]).resolve()

    def _files_of(self, run: RunFolder) -> list[Path]:
        """The files of a run that name users, which are written again if that is asked for."""
        changed = []
        for path in sorted(run.path.iterdir()):
            kind = is_personal(path, self.root) if path.is_file() else None
            if kind is None or kind.purge not in ("rows", "document", "text"):
                continue
            if kind.purge == "document":
                found = self._document(path)
            elif kind.purge == "text":
                found = self._text(path, kind.holds)
            else:
                found = bool(self._rows_of(path, str(kind.column), kind.holds))
                if (
                    path == run.ranks
                    and (places := self._moved.get(self._dataset_of(run))) is not None
                ):
                    move_events(path, places)
                    found = True
            if found:
                changed.append(path)
        return changed

    def _of_run(self, run: RunFolder, users: int, changed: list[Path]) -> None:
        from recsys.tracking.forgetting import tag_forgotten

        experiment = run.files.read(run.experiment)
        reads_ids = bool(((experiment.get("model") or {}).get("query") or {}).get("user_id"))
        is_recommender = experiment.get("task", "recommendation") == "recommendation"
        pages = []
        if self.purge:
            (run.checkpoints / "probes.npz").unlink(missing_ok=True)
            if reads_ids:
                for folder in (run.checkpoints, run.model, run.onnx):
                    shutil.rmtree(folder, ignore_errors=True)
            _seal_again(run.path, changed)
            pages = [file for file in (run.metrics, run.report) if file.is_file()]
            pages += [run.uncommitted] * (run.uncommitted in changed)
            if run.report.is_file():
                self._page(run, is_recommender)
        for line in tag_forgotten(run.path, self.root, users, pages, self.purge and reads_ids):
            self.rows.append((self._name(run.path), "its run in MLflow", users, line))
        removed = "removed, as it holds ids; " if reads_ids and self.purge else ""
        command = f"recsys run EXPERIMENT.yaml --overwrite (experiment {experiment.get('name')})"
        self.rows.append(
            (
                self._name(run.path),
                "weights that learned of them",
                users,
                f"{removed}retrain: {command}",
            )
        )

    def _page(self, run: RunFolder, is_recommender: bool) -> None:
        """The page without those who are forgotten."""
        from recsys.reports.report import write_report

        if is_recommender and run.metrics.is_file():
            write_report(run.path)
            done = "rewritten"
        else:
            with atomic_path(run.report, private=True) as temporary:
                temporary.write_text(PAGE, encoding="utf-8")
            done = "removed"
        self.rows.append((self._name(run.report), "the page", 0, done))

    def tables(self) -> None:
        """Audiences, campaigns and replays."""
        for folder in sorted([*self.root.glob("audiences/*/*"), *self.root.glob("campaigns/*/*")]):
            self._folder(folder)
        for folder in sorted(self.root.glob("replays/*")):
            self._folder(folder)

    def recommendations(self) -> None:
        """Folders of recommendations to users, wherever they lie."""
        for folder in noted_folders.noted_folders(self.root):
            if not (folder / noted_folders.MANIFEST).is_file():
                row = (str(folder), "recommendations", 0, "out of reach: it is not there any more")
                self.rows.append(row)
                continue
            found = [
                path
                for path in sorted(folder.glob(noted_folders.PARTS))
                if self._rows_of(path, "user", "recommendations")
            ]
            if found and self.purge:
                _seal_again(folder, found)

    def _folder(self, folder: Path) -> None:
        changed, names = [], 0
        for path in sorted(folder.glob("*")):
            kind = is_personal(path, self.root) if path.is_file() else None
            if kind is not None and kind.column in columns_of(path):
                found = self._rows_of(path, str(kind.column), kind.holds)
                names += found
                changed += [path] if found else []
        if names:
            # Hashed addresses stand in no row that is known to be of a user.
            for path in sorted(folder.glob("*.csv")):
                if "user" not in columns_of(path):
                    self._say(path, "hashed addresses", 0, "removed", "may hold them")
                    changed.append(path)
                    if self.purge:
                        path.unlink()
        if changed and self.purge:
            _seal_again(folder, changed)

    def conditions(self) -> None:
        """Conditions of the experiment that name a user: a run follows from them, so they stay."""
        settings = [
            (run.experiment, (run.files.read(run.experiment) or {}).get("data") or {})
            for run in self._runs
        ]
        settings += [(each.path / MANIFEST, each.manifest.settings) for each in self._datasets]
        for path, data in settings:
            where = str((data.get("log") or {}).get("where") or "")
            named = [
                user for user, same in self._same.items() if any(_names(where, i) for i in same)
            ]
            if named:
                done = "left as it is, in copies in MLflow and reports, too: leave them out of the "
                done += "condition, run again under another name, and remove this"
                row = (self._name(path), "`data.log.where`, which names them", len(named), done)
                self.rows.append(row)

    def _rows_of(self, path: Path, column: str, holds: str) -> int:
        """How many users a table has; it is written again without them if that is asked for."""
        given = users_in(path, column)
        users = [None if user is None else normal_id(user) for user in given]
        found = {user for user in users if user in self.spellings}
        if found:
            self._say(path, holds, len(found), "rewritten", "found")
            if self.purge:
                keep_rows(path, [user not in self.spellings for user in users])
        return len(found)

    def _document(self, path: Path) -> bool:
        from recsys.data.prepare.without_users import without_names

        document = json.loads(path.read_text(encoding="utf-8"))
        left = document
        if isinstance(document, list):
            left = [row for row in document if row.get("user") not in self.spellings]
        left = without_names(left, self.spellings)
        if left == document:
            return False
        self._say(path, "what names them", 0, "rewritten", "found")
        if self.purge:
            RunFolder.write_json(path, left, private=True)
        return True

    def _text(self, path: Path, holds: str) -> bool:
        if not self._may_name_them(path):
            return False
        self._say(path, holds, 0, "removed", "may name them")
        if self.purge:
            write_text(path, REMOVED, private=True)
        return True

    def _may_name_them(self, path: Path) -> bool:
        """Whether a text has an id as a word; a number may be one by chance."""
        text = path.read_text(encoding="utf-8", errors="replace")
        named = (each for each in self.spellings if each in text)
        return any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text) for each in named)

    def _say(self, path: Path, holds: str, users: int, purged: str, found: str) -> None:
        done = purged if self.purge else found
        self.rows.append((self._name(path), holds, users, done))

    def _name(self, path: Path) -> str:
        """A path within the runs folder, or what it is outside."""
        is_within = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if is_within else path).as_posix()


def _names(condition: str, user: str) -> bool:
    """Whether a condition has an id, and not as a part of another one."""
    return re.search(rf"(?<![\w@.-]){re.escape(user)}(?![\w@.-])", condition) is not None


def _seal_again(folder: Path, changed: Collection[Path]) -> None:
    """Has the manifest of a folder list what its files hold now, and none that are gone."""
    for name in SEALS:
        seal = folder / name
        if not seal.is_file():
            continue
        document = read_manifest(seal, MEND)
        files = {
            file: record for file, record in document["files"].items() if (folder / file).is_file()
        }
        there = [path for path in changed if path.relative_to(folder).as_posix() in files]
        document["files"] = files | as_document(describe(folder, there))
        write_manifest(seal, document)
