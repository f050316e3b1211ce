"""What the tests of the data room share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare

# Two users, four items, six times: the time split holds out the last ones.
SMALL_LOG = "user,item,time\n" + "".join(
    f"{user},{item},{100 + step}\n"
    for step, (user, item) in enumerate(
        [("a", "x"), ("b", "x"), ("a", "y"), ("b", "z"), ("a", "z"), ("b", "y"), ("a", "w"),
         ("b", "w"), ("a", "x"), ("b", "x")]
    )
)  # fmt: skip
CUTS = {"kind": "time", "validation_quantile": 0.5, "test_quantile": 0.75}
COLUMNS = {"user": "user", "item": "item", "time": "time"}
# The times of small logs count from an origin of their own.
RELATIVE = {"earliest_time": "1970-01-01"}


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Dataset]:
    """Prepares a log: ``prepared(path, log={…}, split={…}, …)``."""

    def prepare_log(path: Any, log: dict[str, Any] | None = None, **settings: Any) -> Dataset:
        place = [str(p) for p in path] if isinstance(path, list) else str(path)
        section = {"path": place, "columns": COLUMNS, **RELATIVE, **(log or {})}
        settings.setdefault("split", CUTS)
        config = DataConfig.model_validate({"log": section, **settings})
        return prepare(config, tmp_path / "datasets")

    return prepare_log
