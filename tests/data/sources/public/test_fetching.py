import pytest

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.data.sources.public import PublicData, fetch, fetching, find, list_public, table_file
from recsys.errors import InputError


@pytest.fixture
def tiny(home, monkeypatch):
    """A data set of a log alone; returns where it was built, each time."""
    built = []

    def build(folder):
        built.append(folder)
        (folder / "log.csv").write_text(
            "who,what,when\na,x,2001-01-01\na,y,2001-01-02\nb,x,2001-01-03\nb,y,2001-01-04\n"
        )

    columns = {"user": "who", "item": "what", "time": "when"}
    data = PublicData("tiny", "two people", columns, {"log": "log.csv"}, build)
    monkeypatch.setitem(fetching.PUBLIC, "tiny", data)
    return built


def test_fetched_once(home, tiny):
    assert fetch("tiny") == fetch("tiny") == home / "tiny"
    assert len(tiny) == 1 and tiny[0] != home / "tiny"
    assert sorted(entry.name for entry in home.iterdir()) == [".tiny.lock", "tiny"]


def test_what_fails_leaves_nothing(home, tiny, monkeypatch):
    def fail(folder):
        (folder / "log.csv").write_text("half")
        raise InputError("no such package")

    broken = PublicData("tiny", "", {}, {"log": "log.csv"}, fail)
    monkeypatch.setitem(fetching.PUBLIC, "tiny", broken)
    with pytest.raises(InputError, match="no such package"):
        fetch("tiny")
    assert [entry.name for entry in home.iterdir()] == [".tiny.lock"]


def test_an_experiment_names_it(tmp_path, tiny):
    split = {"kind": "time", "validation_quantile": 0.4, "test_quantile": 0.7}
    config = DataConfig.model_validate({"log": {"public": "tiny"}, "split": split})
    assert prepare(config, tmp_path / "datasets").events == 4


def test_a_table_that_it_has_not(home, tiny):
    assert table_file("tiny", "log").read_text().startswith("who")
    with pytest.raises(InputError, match="'tiny' has no table of users: leave it out"):
        table_file("tiny", "users")


def test_names():
    names = [data.name for data in list_public()]
    assert names == ["movielens-100k", "cdnow", "complete-journey", "digits-pictures"]
    assert all(find(name).name == name for name in names)
    with pytest.raises(InputError, match="no public data set 'netflix': there are movielens-100k"):
        fetch("netflix")
