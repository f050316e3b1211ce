"""Names of what else lies in the runs folder are taken."""

import pytest
from pydantic import TypeAdapter, ValidationError

from recsys.experiment.run_name import FOLDERS, RunName
from recsys.system.plugins import plugins
from tests.plugins import install

NAME = TypeAdapter(RunName)


@pytest.fixture
def parcels(monkeypatch):
    install(monkeypatch, FOLDERS, parcels="tests.plugins:FOLDER")
    yield
    plugins.cache_clear()


@pytest.mark.parametrize("name", ["datasets", "MLflow.DB", "mlflow.db-wal"])
def test_our_own_folders_are_reserved(name):
    with pytest.raises(ValidationError, match=f"'{name}' is reserved for what lies beside"):
        NAME.validate_python(name)


def test_the_folders_of_installed_packages_are_reserved(parcels):
    with pytest.raises(ValidationError, match=r"reserved .*\(datasets, .*parcels.*\)"):
        NAME.validate_python("Parcels")


def test_others_are_free():
    assert NAME.validate_python("parcels-2") == "parcels-2"
