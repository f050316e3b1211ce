"""Logs: prepared, guessed at, fetched and made up; and what the machine offers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.config import StrictConfig
from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.experiment.file import Overrides

if TYPE_CHECKING:
    import pandas as pd

    from recsys.experiment.template import Written


def prepare(
    experiment: str | Path, overrides: Overrides = None, *, runs_dir: str | Path = "runs"
) -> Dataset:
    """Turns the log of an experiment into a dataset on disk, or finds it there.

    Args:
        experiment: a YAML file, of any task that reads a log.
        overrides: values by dotted key, such as ``{"data.minimum_user_events": 5}``.
        runs_dir: the dataset lies in its folder ``datasets``.

    Returns:
        The dataset; ``dataset.manifest.quality`` has what was left out of the log and why, and
        ``dataset.manifest.split`` the leakage audit, as ``recsys data check`` shows them.

    Raises:
        InputError: the file, a value or the log does not suit.

    Example:
        >>> data = recsys.prepare("circle.yaml")
        >>> data.users, data.manifest.quality["quarantined"]
        (60, {})
    """
    from recsys.runs.preparation import prepare_dataset

    return prepare_dataset(data_of(Path(experiment), overrides), Path(runs_dir))


def data_of(path: Path, overrides: Overrides = None) -> Any:
    """The ``data`` section of an experiment of any task (:class:`DataConfig`).

    The other sections are not looked at: reading them would import Keras, for seconds.

    Raises:
        InputError: the experiment reads no log, or a setting is wrong.
    """
    from recsys.experiment.file import DEFAULT_TASK, read_document, validated

    document = read_document(path, overrides)
    if (task := document["task"]) == DEFAULT_TASK:
        for other in document.keys() - {"data"}:
            del document[other]
        return validated(_OfData, document, str(path)).data
    from recsys.experiment.task import load_task

    return load_task(task, path).data(path, overrides)


class _OfData(StrictConfig):
    """What of an experiment says which log is read, and how."""

    data: DataConfig


def init(
    log: str | Path,
    output: str | Path = "experiment.yaml",
    *,
    reading: Mapping[str, str] | None = None,
    **roles: str,
) -> "Written":
    """Guesses the roles of a log's columns and writes a commented experiment to start from.

    Args:
        log: file, folder, glob or address of the interaction log.
        output: the YAML file to write, which must not exist.
        reading: how the log is read, such as ``{"delimiter": ";", "encoding": "gb18030"}``.
        roles: columns whose role is known, such as ``user="customer"``; also ``item``, ``time``,
            ``order``, ``event``, ``value``, ``quantity``, ``session`` and ``split``.

    Returns:
        What was written: ``text`` of the file, ``notes`` that a person should check, and ``next``,
        what to do now.

    Raises:
        InputError: the log cannot be read, a named column is not there or cannot play its role, or
            ``output`` is there already.

    Example:
        >>> written = recsys.init("log.csv", "guessed.yaml")
        >>> "user: user" in written.text
        True
    """
    from recsys.experiment.template import write_template

    return write_template(str(log), Path(output), roles, reading or {})


def list_data() -> "pd.DataFrame":
    """The public data sets that :func:`fetch_data` knows.

    Returns:
        ``name`` and ``description``, a row each.

    Example:
        >>> "movielens-100k" in recsys.list_data()["name"].tolist()
        True
    """
    import pandas as pd

    from recsys.data.sources.public import list_public

    rows = [(entry.name, entry.description) for entry in list_public()]
    return pd.DataFrame(rows, columns=["name", "description"])


def fetch_data(name: str) -> Path:
    """Fetches a public data set, once, through the package index.

    Args:
        name: one of :func:`list_data`.

    Returns:
        The folder with its files.

    Raises:
        InputError: there is no such set, or it cannot be fetched.

    Example:
        >>> folder = recsys.fetch_data("movielens-100k")  # doctest: +SKIP
    """
    from recsys.data.sources.public import fetch

    return fetch(name)


def generate_data(
    folder: str | Path, events: int = 1_000_000, users: int = 50_000, items: int = 10_000,
    seed: int = 0, actions: bool = False,
) -> Path:  # fmt: skip
    """Writes a log of users with drifting tastes, with side tables of users and items.

    Args:
        folder: is made.
        events, users, items: how many.
        seed: equal seeds give equal logs.
        actions: with a column ``event`` (view, cart, purchase), on which the next item depends: the
            same category after a view, the one after it after a cart, a favourite one after a
            purchase.

    Returns:
        The folder.

    Raises:
        InputError: a number is too small, or the folder cannot be used.

    Example:
        >>> sorted(file.name for file in recsys.generate_data("made", 500, 20, 10).iterdir())
        ['interactions.parquet', 'items.parquet', 'users.parquet']
    """
    from recsys.data.sources.generate import generate
    from recsys.runs.console import working

    with working("generating") as tell:
        generate(Path(folder), events, users, items, seed, actions, progress=tell)
    return Path(folder)


def diagnose(require_gpu: bool = False) -> "pd.DataFrame":
    """What this machine offers: versions, devices, memory, disk, the MLflow store.

    Args:
        require_gpu: a machine without a GPU has failed.

    Returns:
        ``name``, ``status`` (``ok``, ``warning`` or ``failed``) and ``detail``, a row per check.

    Example:
        >>> found = recsys.diagnose()  # doctest: +SKIP
        >>> found[found["status"] == "failed"]  # doctest: +SKIP
    """
    from dataclasses import asdict

    import pandas as pd

    from recsys import doctor

    return pd.DataFrame([asdict(check) for check in doctor.diagnose(require_gpu)])
