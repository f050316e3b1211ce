"""The committed results: a line per finished seed of an experiment, read from its run folder.

``experiments/results/seeds.jsonl`` holds the lines, ``settings.json`` beside it the settings that
their digests stand for. ``scripts/leaderboard.py`` writes both, ``scripts/reproduce.py`` reads
them.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.data.dataset import MEND
from recsys.data.manifest import MANIFEST
from recsys.errors import InputError
from recsys.experiment.differences import differences, is_within
from recsys.experiment.file import DEFAULT_TASK
from recsys.runs.folder import RunFolder
from recsys.runs.summary import shown_metrics
from recsys.system.files import atomic_path, without_detours
from recsys.system.reading import read_json, reading
from recsys.system.yaml_text import read_yaml

REPOSITORY = Path(__file__).parents[1]
DIGITS = 6  # of a figure in a line
# Arrays of a dataset: who did what, and in which part.
SPLIT = ("user_offsets", "event_items", "history_ends", "part_ends")
# Where a log lies and how often a checkpoint is written change no figure; the split's hash covers
# the log itself, and every seed has a line of its own.
IRRELEVANT = (
    *(f"data.{table}.{key}" for table in ("log", "users", "items") for key in ("path", "public")),
    *("training.seeds", "training.checkpoint_seconds"),
)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


class Record(BaseModel):
    """Part of a line; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Record):
    """A metric of one seed with its 95 % interval over users; None where there is none."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """As it stands in ``metrics.json``."""
        return cls(**{end: _rounded(found[end]) for end in ("value", "low", "high")})


class Difference(Record):
    """The paired difference between model and baseline; ``real`` after Holm's correction."""

    difference: float
    low: float | None
    high: float | None
    real: bool

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """As it stands in ``metrics.json``."""
        ends = {end: _rounded(found[end]) for end in ("difference", "low", "high")}
        return cls(**ends, real=found["real"])


class Provenance(Record):
    """A process that trained the seed (``provenance`` of ``metrics.json``)."""

    began: str
    device: str
    backend: str
    versions: dict[str, str]
    commit: str | None


class ResultLine(Record):
    """A finished seed.

    Attributes:
        experiment: the file in ``experiments/``, without its ending.
        seed: one of ``training.seeds``.
        split: digest of who did what in which part of the dataset, in its order.
        settings: digest of what the figures follow from, a key of ``settings.json``.
        metric: that the seed was judged by.
        epoch: that was chosen by it.
        validation: the metric on the validation part; of a model that was fitted again on
            validation, at the epoch that was chosen before.
        test: metrics of the test part.
        baselines: the same metrics of each baseline.
        comparisons: by baseline, in ``metric``.
        train_seconds: in training.
        date: when the last process to train it began, in ISO; None: the run does not tell.
        provenance: what trained it, the first process first; empty: the run does not tell.
    """

    experiment: str
    seed: int
    split: str
    settings: str
    metric: str
    epoch: int
    validation: float
    test: dict[str, Figure]
    baselines: dict[str, dict[str, Figure]]
    comparisons: dict[str, Difference]
    train_seconds: float
    date: str | None
    provenance: tuple[Provenance, ...]

    @property
    def ratio(self) -> float:
        """Test over validation: how much choosing the epoch on validation flattered it."""
        return self.test[self.metric].value / self.validation if self.validation else math.nan

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What no two lines have in common."""
        return self.experiment, self.settings, self.split, self.seed

    def has_figures_of(self, other: "ResultLine") -> bool:
        """Whether two lines found the same: in test, in validation, and at the same epoch."""
        figures = ("test", "validation", "epoch")
        return all(getattr(self, name) == getattr(other, name) for name in figures)


@dataclass(frozen=True)
class Results:
    """The lines, and by digest the settings that they were made with."""

    lines: tuple[ResultLine, ...]
    settings: dict[str, dict[str, Any]]

    def of(self, experiment: str) -> list[ResultLine]:
        """The lines of an experiment, in the order of their seeds."""
        return [line for line in self.lines if line.experiment == experiment]

    def with_runs(
        self, found: Iterable[tuple[ResultLine, dict[str, Any]]], replace: bool = False
    ) -> "Results":
        """The same and the lines of some runs; a line that is there already stays one line.

        Args:
            found: lines with their settings.
            replace: a line that is there by one with other figures.

        Raises:
            InputError: it would, and was not asked to.
        """
        lines, settings = {line.key: line for line in self.lines}, dict(self.settings)
        clashes = []
        for line, document in found:
            there = lines.get(line.key)
            if there is not None and there.has_figures_of(line):
                continue
            if there is not None and not replace:
                old, new = (each.test[each.metric].value for each in (there, line))
                clashes.append(
                    f"{line.experiment}, seed {line.seed}: {line.metric} is {old:.6f} in the "
                    f"committed line ({_when(there)}), {new:.6f} in the run ({_when(line)})"
                )
            lines[line.key] = line
            settings[line.settings] = document
        if clashes:
            raise InputError(
                "of these seeds there is a line with other figures; nothing was written "
                "(--replace puts the runs' in its place):\n  " + "\n  ".join(clashes)
            )
        ordered = sorted(
            lines.values(), key=lambda line: (line.experiment, line.date or "", line.seed)
        )
        used = {line.settings for line in ordered}
        return Results(tuple(ordered), {each: settings[each] for each in sorted(used)})


def _when(line: ResultLine) -> str:
    devices = dict.fromkeys(each.device for each in line.provenance)
    return ", ".join([line.date or "no date", *devices])


# Files


def read_results(folder: Path) -> Results:
    """The committed results; none, where the folder has none.

    Args:
        folder: such as ``experiments/results``.

    Raises:
        InputError: a file is not what the leaderboard writes.
    """
    lines, settings = folder / "seeds.jsonl", folder / "settings.json"
    if not lines.exists():
        return Results((), {})
    try:
        found = [
            ResultLine.model_validate_json(text)
            for text in lines.read_text(encoding="utf-8").splitlines()
        ]
        documents = json.loads(settings.read_text(encoding="utf-8"))
        if lost := {line.settings for line in found} - set(documents):
            raise ValueError(f"{settings.name} lacks {', '.join(sorted(lost))}")
        if len({line.key for line in found}) < len(found):
            raise ValueError("two lines have the same experiment, settings, split and seed")
    except (ValidationError, ValueError, OSError) as error:
        raise InputError(
            f"{lines} cannot be read ({error}): take the committed files (git checkout {folder})"
        ) from error
    return Results(tuple(found), documents)


def write_results(results: Results, folder: Path) -> None:
    """Writes both files, each in whole or not at all, the settings first.

    Args:
        results: all of them.
        folder: such as ``experiments/results``.
    """
    settings = json.dumps(results.settings, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    lines = "".join(f"{line.model_dump_json()}\n" for line in results.lines)
    for name, text in (("settings.json", settings), ("seeds.jsonl", lines)):
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


# Runs


def read_run(path: Path) -> tuple[ResultLine, dict[str, Any]]:
    """The line of a run that was trained and evaluated, and its settings.

    Args:
        path: ``runs/<name>/<seed>``.

    Raises:
        InputError: it is not finished, is damaged, or is of another task.
    """
    folder = RunFolder(path)
    document = folder.files.read(folder.experiment, ["name", "training", "evaluation"])
    metrics = folder.read_metrics(["test", "validation", "baselines", "comparisons", "timing"])
    headline = document["evaluation"]["metric"]
    names = shown_metrics(headline)
    processes = metrics.get("provenance", [])
    settings = settings_of(document)
    try:
        line = ResultLine(
            experiment=document["name"],
            seed=document["training"]["seeds"][0],
            split=split_of(folder),
            settings=digest(settings),
            metric=headline,
            epoch=metrics["timing"]["best_epoch"],
            validation=round(metrics["validation"][headline]["value"], DIGITS),
            test={name: Figure.of(metrics["test"][name]) for name in names},
            baselines={
                baseline: {name: Figure.of(found[name]) for name in names}
                for baseline, found in metrics["baselines"].items()
            },
            comparisons={
                each["other"]: Difference.of(each)
                for each in metrics["comparisons"]
                if each["metric"] == headline
            },
            train_seconds=round(metrics["timing"]["train_seconds"], 1),
            date=processes[-1]["began"][:10] if processes else None,
            provenance=tuple(processes),
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"{path}: metrics.json is not that of a ranking of the test part ({error}): evaluate "
            "the run again (`recsys evaluate`)"
        ) from error
    return line, settings


def split_of(folder: RunFolder) -> str:
    """Sixteen digits that stand for what a run was trained and tested on.

    The fingerprint of a dataset covers settings as well, also those that change nothing, and a
    later version has more of them.

    Args:
        folder: of the run, with its dataset where the run says that it is.

    Raises:
        InputError: the dataset is not there, or its manifest is damaged.
    """
    recorded = folder.files.read(folder.dataset_record, ["path"])["path"]
    manifest = without_detours(folder.path / recorded) / MANIFEST
    files = read_json(manifest, MEND, ["files"])["files"]
    with reading(manifest, MEND):
        digests = [files[f"{name}.npy"]["sha256"] for name in SPLIT]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


# Settings


def settings_of(document: dict[str, Any]) -> dict[str, Any]:
    """What of an experiment the figures of a seed follow from.

    Args:
        document: the experiment as resolved.

    >>> settings_of({"seen": "allow", "name": "a", "training": {"epochs": 2, "seeds": [1]}})
    {'seen': 'allow', 'training': {'epochs': 2}}
    """
    from recsys.runs.training_claim import DECISIVE  # it knows the models: heavy to import

    def within(section: dict[str, Any], prefix: str) -> dict[str, Any]:
        kept = {}
        for name, value in section.items():
            key = f"{prefix}{name}"
            leads_there = any(each.startswith(f"{key}.") for each in DECISIVE)
            if key not in IRRELEVANT and (is_within(key, DECISIVE) or leads_there):
                kept[name] = within(value, f"{key}.") if isinstance(value, dict) else value
        return kept

    return within(document, "")


def digest(settings: dict[str, Any]) -> str:
    """Twelve digits that stand for settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Row:
    """An experiment file of the repository as it is now.

    Attributes:
        name: of the experiment.
        resolved: its settings, every default spelled out.
        said: the settings that the file itself gives.
    """

    name: str
    resolved: dict[str, Any]
    said: dict[str, Any]

    def changed_since(self, settings: dict[str, Any]) -> list[str]:
        """Dotted keys in which earlier settings differ from the file's.

        A setting that recsys did not have then is none of them where the file leaves it alone:
        the default of a new setting is what was done before.

        Args:
            settings: of a line.
        """
        return [
            key
            for key in differences(settings, self.resolved)
            if _has(settings, key) or _has(self.said, key)
        ]


def _has(document: Any, key: str) -> bool:
    for name in key.split("."):
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def read_rows(folder: Path, names: Iterable[str]) -> dict[str, Row]:
    """The experiment files of some names, as far as there are such recommenders.

    Args:
        folder: such as ``experiments``.
        names: of experiments.

    Raises:
        InputError: something in a file is wrong.
    """
    from recsys.experiment.schema import load_experiment

    rows = {}
    for name in names:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            continue
        document = read_yaml(path.read_text(encoding="utf-8"), str(path))
        if document.get("task", DEFAULT_TASK) == DEFAULT_TASK and "data" in document:
            loaded = load_experiment(path)
            said = loaded.model_dump(mode="json", exclude_unset=True)
            rows[name] = Row(name, settings_of(loaded.dump()), settings_of(said))
    return rows


@dataclass(frozen=True)
class Current:
    """The lines of an experiment that are of the file as it is now, on the newest split.

    Attributes:
        lines: in the order of their seeds.
        older: lines of other settings or of an earlier split.
        changed: dotted keys of the settings that differ since those were made.
    """

    lines: tuple[ResultLine, ...]
    older: tuple[ResultLine, ...]
    changed: tuple[str, ...]


def current(results: Results, row: Row) -> Current:
    """Divides the lines of an experiment.

    Args:
        results: all lines.
        row: the experiment's file.
    """
    lines = results.of(row.name)
    changed = {line.settings: row.changed_since(results.settings[line.settings]) for line in lines}
    same = [line for line in lines if not changed[line.settings]]
    newest = max(same, key=lambda line: line.date or "", default=None)
    ours = [line for line in same if newest is not None and line.split == newest.split]
    older = [line for line in lines if line not in ours]
    keys = dict.fromkeys(key for line in older for key in changed[line.settings])
    return Current(_by_seed(ours), _by_seed(older), tuple(keys))


def _by_seed(lines: Sequence[ResultLine]) -> tuple[ResultLine, ...]:
    return tuple(sorted(lines, key=lambda line: line.seed))
