"""Which model of a name is in use: moved there only if nothing speaks against it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.api.comparing import compare
from recsys.api.run import Run
from recsys.api.verifying import verify
from recsys.errors import InputError
from recsys.tracking.config import CHAMPION

if TYPE_CHECKING:
    from recsys.tracking.promotion import Version


@dataclass(frozen=True)
class Promoted:
    """Where an alias stands now.

    Attributes:
        model: the name of the registered model.
        alias: such as ``champion``.
        version: that has it.
        replaced: that had it before; None: there was none.
        sentence: what was found, in words.
    """

    model: str
    alias: str
    version: str
    replaced: str | None
    sentence: str


def promote(
    run: Run,
    alias: str = CHAMPION,
    *,
    force: str | None = None,
    runs_dir: str | Path | None = None,
) -> Promoted:
    """Gives an alias of the registry to a run's exported model, unless it is worse than today's.

    The model's files are compared with its manifest, so it is the one that passed the gate. It is
    compared with the model that has the alias as :func:`recsys.compare` does, by the metric that
    the run is judged by: on the test part of the same data, paired by query. Who moved the alias,
    when, why, and which version had it, are tags of the version (``champion.by``, ``.at``,
    ``.reason``, ``.replaced``). ``models:/NAME@champion`` means the new version from then on.

    Args:
        run: that was exported and registered.
        alias: its name.
        force: a reason in words, to promote it although it is worse or cannot be compared.
        runs_dir: where the MLflow store and the run of today's champion lie; that of the run.

    Raises:
        InputError: the model is damaged or not registered; or, without ``force``, it is worse than
            the champion (with by how much), or they cannot be compared.

    Example:
        >>> recsys.promote(run, "shadow").sentence
        'average version 1 is the first shadow'
    """
    from recsys.tracking import promotion

    if force is not None and not force.strip():
        raise InputError("promote: `force` is the reason in words, such as 'legal asked for it'")
    runs = Path(run.path).parents[1] if runs_dir is None else Path(runs_dir)
    model = verify(run.path).folder
    version = promotion.registered(run.path, model, runs)
    today = promotion.holder(version.name, alias, runs)
    if today is not None and today.number == version.number:
        return Promoted(version.name, alias, version.number, None, f"{version} is the {alias}")
    found = _verdict(run, version, today, alias, forced=force is not None)
    promotion.move(version, alias, force or found, runs)
    replaced = None if today is None else today.number
    return Promoted(version.name, alias, version.number, replaced, found)


def rollback(
    model: str,
    alias: str = CHAMPION,
    *,
    reason: str = "rolled back",
    runs_dir: str | Path = "runs",
) -> Promoted:
    """Gives an alias back to the version that :func:`promote` took it from.

    Args:
        model: the name of the registered model.
        alias: its name.
        reason: in words, for the version's tags.
        runs_dir: where the MLflow store lies, unless ``MLFLOW_TRACKING_URI`` names another one.

    Raises:
        InputError: there is no such model, nothing has the alias, or nothing had it before.

    Example:
        >>> recsys.rollback("average", "shadow")
        Traceback (most recent call last):
        recsys.errors.InputError: ...
    """
    from recsys.tracking import promotion

    left, now = promotion.move_back(model, alias, reason, Path(runs_dir))
    sentence = f"{now} is the {alias} again, in the place of version {left.number}"
    return Promoted(model, alias, now.number, left.number, sentence)


def _verdict(
    run: Run, version: "Version", today: "Version | None", alias: str, forced: bool
) -> str:
    """What the comparison with today's version found.

    Raises:
        InputError: it speaks against the new one, and nothing forces it.
    """
    from recsys.runs.folder import RunFolder

    if today is None:
        return f"{version} is the first {alias}"
    mend = "Promote it all the same by a reason (--force REASON)"
    if today.run_folder is None:
        why = f"the run of {today}, the {alias}, is not in the runs folder"
    else:
        try:
            found = compare([run, Run(RunFolder(today.run_folder))]).iloc[0]
        except InputError as error:
            why = f"it cannot be compared with {today}, the {alias}: {error}"
        else:
            if not (found["real"] and found["difference"] < 0):
                return str(found["sentence"])
            why = f"it is worse than {today}, the {alias}: {found['sentence']}"
    if not forced:
        raise InputError(f"{version} is not promoted, as {why.rstrip('.')}. {mend}")
    return why
