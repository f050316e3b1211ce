"""recsys: from an interaction log to a candidate generator in production.

``import recsys`` imports nothing heavy: no backend, no pandas, no MLflow. A name is imported when
it is first used.

Example:
    >>> import recsys
    >>> data = recsys.Dataset.from_frame(
    ...     "log.csv", user="user", item="item", time="time", items="items.csv",
    ...     item_title="title", item_features={"colour": "categorical"},
    ... )
    >>> run = recsys.train(data, encoder="average", epochs=2)
    >>> run.recommend(users=["u1"], k=3).columns.tolist()
    ['user', 'rank', 'item', 'title', 'score']
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recsys.api.comparing import compare
    from recsys.api.data import (
        diagnose,
        fetch_data,
        generate_data,
        init,
        list_data,
        prepare,
    )
    from recsys.api.data_check import check_data
    from recsys.api.forgetting import forget
    from recsys.api.grouping import groups
    from recsys.api.ids import pseudonym
    from recsys.api.lists import evaluate_lists
    from recsys.api.loading import load
    from recsys.api.plots import Plots
    from recsys.api.promoting import promote, rollback
    from recsys.api.reproducing import reproduce
    from recsys.api.run import Run
    from recsys.api.searching import search_runs
    from recsys.api.training import run, sweep, train
    from recsys.data.dataset import Dataset
    from recsys.errors import (
        Damaged,
        ExportError,
        InputError,
        ParityError,
        RecsysError,
        TrainingDiverged,
    )

__version__ = "0.1.0"

# Where each public name is. No module of the package may have such a name: once it is imported,
# it would take the name's place.
_HOMES = {
    "Damaged": "recsys.errors",
    "Dataset": "recsys.data.dataset",
    "ExportError": "recsys.errors",
    "InputError": "recsys.errors",
    "ParityError": "recsys.errors",
    "Plots": "recsys.api.plots",
    "RecsysError": "recsys.errors",
    "Run": "recsys.api.run",
    "TrainingDiverged": "recsys.errors",
    "check_data": "recsys.api.data_check",
    "compare": "recsys.api.comparing",
    "diagnose": "recsys.api.data",
    "evaluate_lists": "recsys.api.lists",
    "fetch_data": "recsys.api.data",
    "forget": "recsys.api.forgetting",
    "generate_data": "recsys.api.data",
    "groups": "recsys.api.grouping",
    "init": "recsys.api.data",
    "list_data": "recsys.api.data",
    "load": "recsys.api.loading",
    "prepare": "recsys.api.data",
    "promote": "recsys.api.promoting",
    "pseudonym": "recsys.api.ids",
    "reproduce": "recsys.api.reproducing",
    "rollback": "recsys.api.promoting",
    "run": "recsys.api.training",
    "search_runs": "recsys.api.searching",
    "sweep": "recsys.api.training",
    "train": "recsys.api.training",
}

__all__ = [
    "Damaged",
    "Dataset",
    "ExportError",
    "InputError",
    "ParityError",
    "Plots",
    "RecsysError",
    "Run",
    "TrainingDiverged",
    "check_data",
    "compare",
    "diagnose",
    "evaluate_lists",
    "fetch_data",
    "forget",
    "generate_data",
    "groups",
    "init",
    "list_data",
    "load",
    "prepare",
    "promote",
    "pseudonym",
    "reproduce",
    "rollback",
    "run",
    "search_runs",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        # Packages such as `recsys.marketing`, as if they had been imported.
        if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public face alone: what a notebook completes."""
    return sorted([*__all__, "__version__", "marketing"])
