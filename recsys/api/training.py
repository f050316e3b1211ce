"""Training: from a dataset and keywords, or from an experiment file."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from recsys.api.run import Run
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment.file import Overrides
from recsys.system.backend import start_backend
from recsys.system.files import given_path
from recsys.system.processes import current

if TYPE_CHECKING:
    from recsys.api.steps import Step
    from recsys.experiment.schema import Experiment
    from recsys.experiment.task import FinishedTask

ORIGIN = "train"  # what messages begin with


def train(
    data: Dataset | Mapping[str, Any],
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    overwrite: bool = False,
    fields: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Run:
    """Trains, evaluates and exports a model; any field of an experiment can be given.

    Every call is a run of its own: ``runs/attention/1``, ``runs/attention-2/1``, … A run that has
    a ``name`` is continued by the same call with the same name: after an interrupt (which loses
    at most a minute of training), or, where the learning rate is constant, with more ``epochs``.

    Args:
        data: a prepared dataset (``recsys.Dataset.from_frame``), or the ``data`` section of an
            experiment as a mapping.
        name: of the run and of the registered model; else the encoder's, with a number.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: replace another run of the same ``name``.
        fields: values by dotted key, such as ``{"training.epochs": 5}``.
        keywords: values by key, where one section alone has such a key, such as ``epochs=5``,
            ``learning_rate=3e-3``, ``encoder="attention"``. A text names the kind of a section; a
            mapping or a config object, such as ``encoder=AttentionConfig(blocks=1)`` or one of
            your own, is the section.

    Returns:
        The run; of several ``seeds``, that of the first, which has the others in ``run.seeds``.

    Raises:
        InputError: no section has such a key, or several have; a value or the data does not suit;
            another run has the name.
        TrainingDiverged: the loss is no longer a number.
        ExportError: the model could not be exported.

    Example:
        >>> run = recsys.train(data, encoder="average", epochs=2)  # doctest: +SKIP
        >>> run.path.as_posix()
        'runs/average/1'
        >>> recsys.train(data, epoch=2)
        Traceback (most recent call last):
        ...
        recsys.errors.InputError: train: no section of an experiment has 'epoch'; did you mean...
    """
    current.refuse_several("recsys.train")
    start_backend()
    from recsys.experiment.fields import with_fields

    both = dict(keywords)
    if not isinstance(fields, Mapping | None):
        raise InputError(
            f"{ORIGIN}: fields is a mapping, such as {{'training.epochs': 5}}; received {fields!r}"
        )
    for key, value in (fields or {}).items():
        if key in both:
            raise InputError(f"{ORIGIN}: {key!r} is given as a keyword and in fields: give it once")
        both[key] = value
    experiment = with_fields(_experiment(data, "run" if name is None else name), both, ORIGIN)
    root = given_path(runs_dir, f"{ORIGIN}: runs_dir")
    told = data.fingerprint if isinstance(data, Dataset) else None
    if name is not None:
        return _first(experiment, root, overwrite, told)
    base = _plain_name(experiment)
    with _numbered(root, base) as free:
        return _first(experiment.with_values({"name": free}), root, told=told)


@overload
def run(
    experiment: str | Path,
    overrides: Overrides = None,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    overwrite: bool = False,
    only: "Step",
) -> Run: ...


@overload
def run(
    experiment: str | Path,
    overrides: Overrides = None,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    overwrite: bool = False,
    only: None = None,
) -> "Run | FinishedTask": ...


def run(
    experiment: str | Path,
    overrides: Overrides = None,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    overwrite: bool = False,
    only: "Step | None" = None,
) -> "Run | FinishedTask":
    """Runs an experiment file, as ``recsys run`` does: prepare, train, evaluate, export.

    A run that was stopped is continued; what is done is not done again.

    Args:
        experiment: a YAML file.
        overrides: values by dotted key, such as ``{"training.epochs": 5}``.
        name: of the run, instead of the experiment's own.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: replace a run of the same name.
        only: one step alone, as the commands of these names: ``"train"``, ``"evaluate"`` or
            ``"export"``.

    Returns:
        The run; of several seeds, that of the first, which has the others in ``run.seeds``. An
        experiment of a ``task`` that an installed package adds gives what that task leaves
        (:class:`recsys.experiment.task.FinishedTask`: it has ``path`` and ``summary()``), such as a
        :class:`recsys.marketing.TaskRun`. What it is, only the file says: for a type checker,
        ``assert isinstance(run, recsys.Run)``.

    Raises:
        InputError: the file, a value or the log does not suit, or another experiment has the name.
        TrainingDiverged: the loss is no longer a number.
        ExportError: the model could not be exported.

    Example:
        >>> run = recsys.run("circle.yaml", {"training.epochs": 1}, only="train")
        >>> run.path.as_posix(), len(run.history)
        ('runs/circle/1', 1)
    """
    from recsys.experiment.file import DEFAULT_TASK, read_document

    path, root = given_path(experiment, "run"), given_path(runs_dir, "run: runs_dir")
    if (task := read_document(path, overrides)["task"]) != DEFAULT_TASK:
        from recsys.experiment.task import load_task

        if only is not None:
            raise InputError(f"{path} is an experiment of `task: {task}`, which runs as a whole")
        start_backend()
        return load_task(task, path).run(path, overrides, name, root, overwrite)
    runs = list(each_run(path, overrides, name, root, overwrite, only))
    return runs[0]


def each_run(
    experiment: Path,
    overrides: Overrides = None,
    name: str | None = None,
    runs_dir: Path = Path("runs"),
    overwrite: bool = False,
    only: "Step | None" = None,
) -> Iterator[Run]:
    """The runs of an experiment's seeds, each when it is done; see :func:`run`.

    Several processes that train together each get them, and the first makes them.
    """
    if only not in (None, "train"):
        current.refuse_several(f"recsys {only}")
    start_backend(together=True)
    from recsys.api.steps import do
    from recsys.experiment.schema import load_experiment

    loaded = load_experiment(experiment, overrides, name)
    yield from map(Run, do(loaded, runs_dir, overwrite, only))


def sweep(
    experiment: str | Path,
    overrides: Overrides = None,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    overwrite: bool = False,
    command: str = "recsys sweep",
) -> Path:
    """Searches the values that the ``sweep`` section of an experiment names; goes on if stopped.

    Args:
        experiment, overrides, name, runs_dir, overwrite: see :func:`recsys.run`.
        command: what the header of the winner says that was typed.

    Returns:
        The winner, an experiment file for :func:`recsys.run`; ``trials.csv`` beside it has every
        trial.

    Raises:
        InputError: there is no such section, it does not fit the experiment or the log, or no
            trial came to its end.

    Example:
        >>> best = recsys.sweep("search.yaml")  # doctest: +SKIP
        >>> run = recsys.run(best)  # doctest: +SKIP
    """
    current.refuse_several("recsys sweep")
    start_backend()
    from recsys.tuning.sweep import Sweep
    from recsys.tuning.sweep_file import read_sweep

    searched = read_sweep(Path(experiment), overrides, name)
    return Sweep(*searched, Path(runs_dir), overwrite, command).run()


def _first(
    experiment: "Experiment", runs_dir: Path, overwrite: bool = False, told: str | None = None
) -> Run:
    """The run of the first seed, when those of all seeds are done."""
    from recsys.api.steps import do

    folders = list(do(experiment, runs_dir, overwrite, told=told))
    return Run(folders[0])


def _experiment(data: Any, name: str) -> "Experiment":
    from recsys.experiment.file import validated
    from recsys.experiment.schema import Experiment
    from recsys.system.plain_values import plain

    if isinstance(data, Dataset):
        section = data.source
    elif isinstance(data, Mapping):
        section = plain(data, ORIGIN)
    else:
        raise InputError(
            f"{ORIGIN}: expected a recsys.Dataset, received {type(data).__name__}: make one of a "
            "frame or a file by recsys.Dataset.from_frame(frame, user=…, item=…, time=…)"
        )
    return validated(Experiment, {"name": name, "data": section}, ORIGIN)


def _plain_name(experiment: "Experiment") -> str:
    """What a run without a name is called: the kind of its encoder."""
    encoder = experiment.model.query.encoder
    kind = "no-history" if encoder is None else str(encoder.kind)
    return re.sub(r"[^A-Za-z0-9._-]", "-", kind)[:80]


@contextlib.contextmanager
def _numbered(runs_dir: Path, base: str) -> Iterator[str]:
    """Takes a name that no run has: ``base``, ``base-2``, …; gives it back if nothing began."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        try:
            (runs_dir / name).mkdir()
            break
        except FileExistsError:
            number += 1
    try:
        yield name
    finally:
        if not any((runs_dir / name).glob("*/experiment.yaml")):
            for lock in (runs_dir / name).glob(".*.lock"):
                lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # something else is in it
                (runs_dir / name).rmdir()
