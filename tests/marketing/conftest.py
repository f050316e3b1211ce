"""Intervals from few resamples, as that they are right is tested with the scores; runs to share."""

from pathlib import Path

import pandas as pd
import pytest

from recsys.data.prepare.config import DataConfig
from recsys.experiment.schema import Experiment
from recsys.marketing.measurement import scores
from recsys.marketing.propensity.experiment import PropensityExperiment
from recsys.marketing.propensity.run import run_propensity
from recsys.pipeline import Pipeline
from tests.marketing.logs import START, shoppers
from tests.processes import exports_by_fork

OFF = {"enabled": False}


@pytest.fixture(autouse=True, scope="package")
def _few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "RESAMPLES", 60)
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("users")


@pytest.fixture(scope="session")
def data(folder) -> DataConfig:
    bought = shoppers(users=300)
    times = START + pd.to_timedelta(bought["day"], unit="D")
    bought.assign(time=times).to_parquet(folder / "log.parquet")
    columns = {"user": "user", "item": "item", "time": "time", "value": "value"}
    names = [f"i{item}" for item in range(20)]
    items = {"item": names, "name": [f"Thing {name}" for name in names], "kind": ["a", "b"] * 10}
    pd.DataFrame(items).to_parquet(folder / "items.parquet")
    return DataConfig.model_validate(
        {
            "log": {"path": str(folder / "log.parquet"), "columns": columns},
            "items": {
                "path": str(folder / "items.parquet"),
                "key": "item",
                "title": "name",
                "features": {"kind": {"kind": "categorical"}},
            },
        }
    )


@pytest.fixture(scope="session")
def prediction(folder, data) -> Path:
    settings = {"period": {"days": 60}, "estimators": ["linear"], "explained_users": 20}
    experiment = PropensityExperiment.model_validate(
        {
            "task": "propensity",
            "name": "buys",
            "data": data.model_dump(),
            "propensity": settings,
            "tracking": OFF,
        }
    )
    return run_propensity(experiment, folder / "runs").path


@pytest.fixture(scope="session")
def recommender(folder, data) -> Path:
    experiment = Experiment.model_validate(
        {
            "name": "tiny",
            "data": data.model_dump(),
            "seen": "allow",
            "model": {"dim": 8, "query": {"encoder": {"kind": "average"}}},
            "training": {"epochs": 1, "refit": False},
            "evaluation": {"baselines": []},
            "tracking": OFF,
        }
    )
    with exports_by_fork():
        return Pipeline(experiment, 0, folder / "runs").run().path
