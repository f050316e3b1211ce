"""What is launched: the seeds of an experiment, each as a command of ``recsys``."""

import contextlib
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.experiment.file import DEFAULT_TASK, read_document
from recsys.runs.folder import RunFolder
from recsys.system.files import locked

SEEDS = "training.seeds"
# What starts recsys where the environment of this process is at hand.
HERE = (sys.executable, "-m", "recsys")


@dataclass(frozen=True)
class Work:
    """The seeds of an experiment, each of which is a run that continues where it stopped.

    Attributes:
        experiment: the file.
        overrides: ``dotted.key=value`` as typed, without the seeds.
        name: of the run.
        is_named: whether ``--name`` gave it, and not the file or an override.
        runs_dir: where runs, datasets and the MLflow store lie.
        seeds: in their order.
        data: the section of the experiment that names files.
    """

    experiment: Path
    overrides: tuple[str, ...]
    name: str
    is_named: bool
    runs_dir: Path
    seeds: tuple[int, ...]
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, experiment: Path, overrides: Sequence[str] | None, name: str | None, runs_dir: Path
    ) -> "Work":
        """Reads what is launched of an experiment; the rest is checked by what runs it.

        Raises:
            InputError: there is no such file, it is of another task, or its seeds are not numbers.
        """
        document = read_document(experiment, overrides, name)
        if (task := document["task"]) != DEFAULT_TASK:
            raise InputError(
                f"{experiment} is an experiment of `task: {task}`, which has no seeds to launch: "
                "`recsys run` runs it"
            )
        training = document.get("training") or {}
        seeds = training.get("seeds", [1]) if isinstance(training, dict) else None
        if not (isinstance(seeds, list) and seeds and all(type(seed) is int for seed in seeds)):
            raise InputError(f"{SEEDS}: expected a list such as [1, 2, 3], received {seeds!r}")
        kept = [each for each in overrides or () if each.partition("=")[0] != SEEDS]
        # The folder of a run is the seed's: two of them would be one run.
        return cls(
            experiment=experiment,
            overrides=tuple(kept),
            name=str(document["name"]),
            is_named=name is not None,
            runs_dir=runs_dir,
            seeds=tuple(dict.fromkeys(seeds)),
            data=data if isinstance(data := document.get("data"), dict) else {},
        )

    def prepare(self, program: Sequence[str] = HERE) -> list[str]:
        """The command that turns the log into a dataset, once for all seeds.

        Args:
            program: that starts recsys.
        """
        return [
            *(*program, "prepare", str(self.experiment), *self.overrides),
            *("--runs-dir", str(self.runs_dir)),
        ]

    def run(self, seed: int | str, program: Sequence[str] = HERE) -> list[str]:
        """The command that runs a seed, or continues it.

        Args:
            seed: or what a shell makes one of.
            program: that starts recsys.
        """
        named = ["--name", self.name] if self.is_named else []
        return [
            *(*program, "run", str(self.experiment), *self.overrides, f"{SEEDS}=[{seed}]"),
            *(*named, "--runs-dir", str(self.runs_dir)),
        ]

    def run_by_index(self, variable: str, program: Sequence[str]) -> str:
        """Lines of bash that run the seed whose place a scheduler's variable holds.

        Bash becomes the run (``exec``), so that signals and the exit status are the run's.

        Args:
            variable: such as ``SLURM_ARRAY_TASK_ID``, counted from 0.
            program: that starts recsys.
        """
        seeds = " ".join(map(str, self.seeds))
        command = " ".join(
            '"training.seeds=[$seed]"' if word == f"{SEEDS}=[$seed]" else shlex.quote(word)
            for word in self.run("$seed", program)
        )
        return f"seeds=({seeds})\nseed=${{seeds[${variable}]}}\nexec {command}\n"

    def within(self, experiment: Path, runs_dir: Path) -> "Work":
        """The same work where its files have other paths; the run keeps its name.

        Args:
            experiment: the file, there.
            runs_dir: likewise.
        """
        # A file without a name is called by its path.
        named = not any(each.partition("=")[0] == "name" for each in self.overrides)
        return replace(self, experiment=experiment, runs_dir=runs_dir, is_named=named)

    def outside(self, working: Path, mounted: Iterable[Path]) -> tuple[str, str] | None:
        """A file that the experiment reads and that a container would not have.

        Args:
            working: the container's working directory, where relative paths begin.
            mounted: folders that it has.

        Returns:
            Dotted key, and the path as it is given; None: it has all of them.
        """
        folders = list(mounted)
        for section in ("log", "users", "items"):
            table = self.data.get(section)
            given = table.get("path") if isinstance(table, dict) else None
            for path in given if isinstance(given, list) else [given]:
                if not isinstance(path, str) or "://" in path:
                    continue
                if not any((working / path).is_relative_to(folder) for folder in folders):
                    return f"data.{section}.path", path
        return None

    def folder(self, seed: int) -> RunFolder:
        """The folder of a seed's run."""
        return RunFolder(self.runs_dir / self.name / str(seed))

    def earlier(self) -> list[RunFolder]:
        """The runs that are there, which the seeds continue."""
        return [folder for seed in self.seeds if (folder := self.folder(seed)).path.exists()]

    def remove_earlier(self) -> None:
        """Removes the runs that the seeds would continue (``--overwrite``).

        They are removed once, before the launch: a seed that is requeued continues its new run.

        Raises:
            InputError: a process is at work in one of them, or it is a link.
        """
        for path in (folder.path for folder in self.earlier()):
            if path.is_symlink():
                raise InputError(
                    f"{path} is a link to {path.resolve()}: --overwrite removes no folder "
                    "elsewhere. Remove the link, or what it leads to, and launch again"
                )
            busy = f"another process is at work in {path}: wait for it, or choose another --name"
            with locked(path, busy):
                shutil.rmtree(path)


def shown(commands: Sequence[Sequence[str]]) -> str:
    """Commands as a shell takes them, a line each."""
    return "".join(f"{shlex.join(command)}\n" for command in commands)


def last_line(log: Path) -> str:
    """What a log ends with; empty where there is nothing."""
    with contextlib.suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""
