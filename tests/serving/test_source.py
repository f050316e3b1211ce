import shutil

import pytest

from recsys.errors import InputError
from recsys.serving.source import OneVersion, RegistrySource, VersionFolder, find_source
from tests.finished_runs import write_experiment, write_finished_run


def test_what_an_argument_means(models, tmp_path):
    folder = models["lstm"]
    assert find_source(str(folder), tmp_path) == VersionFolder(folder)
    assert find_source(str(folder / "1"), tmp_path) == OneVersion(folder / "1")
    assert find_source(str(folder / "1"), tmp_path).versions() == {"1": folder / "1"}
    copy = shutil.copytree(folder / "1", tmp_path / "copy")
    assert find_source(str(copy), tmp_path).versions() == {"1": copy}
    run = write_finished_run(tmp_path / "runs", write_experiment(tmp_path))
    shutil.copytree(folder, run / "model")
    for path in (run, run.parent):
        assert find_source(str(path), tmp_path).versions() == {"1": run / "model" / "1"}
    registered = find_source("models:/shop@champion", tmp_path)
    assert isinstance(registered, RegistrySource) and registered.name == "shop"


def test_what_is_nothing_of_the_kind(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    run = write_finished_run(tmp_path / "runs", write_experiment(tmp_path))
    for path, said in (
        (tmp_path / "file", "is a file"),
        (tmp_path / "nothing", "there is no folder"),
        (tmp_path / "empty", "neither a run"),
        (run, "recsys export"),
    ):
        with pytest.raises(InputError, match=said):
            find_source(str(path), tmp_path)


def test_the_registry_is_asked_again_and_fetched_once(monkeypatch, tmp_path):
    numbers, fetched = iter(["3", "3", "4"]), []
    monkeypatch.setattr("recsys.tracking.registry.version_number", lambda *_: next(numbers))

    def fetch(address, runs_dir):
        fetched.append(address)
        return tmp_path / address.rpartition("/")[2]

    monkeypatch.setattr("recsys.tracking.registry.fetch_model", fetch)
    source = RegistrySource("models:/shop@champion", tmp_path)
    found = [dict(source.versions()) for _ in range(3)]
    assert found == [{"3": tmp_path / "3"}, {"3": tmp_path / "3"}, {"4": tmp_path / "4"}]
    assert fetched == ["models:/shop/3", "models:/shop/4"]
