"""What a person at a terminal sees, with stand-ins for what takes long."""

import errno
import logging
import runpy
from unittest import mock

import pandas as pd
import pytest

from recsys import __version__ as cli_version
from recsys.cli import entry
from tests.commands import recsys as run


class Artefact:
    """A run whose model recommends those of a few items that were not had, in their order."""

    items = ("a", "b, c", "d")

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        self.model = self.dataset = self
        self.path, self.user_places = "runs/datasets/d", {"ann": 0}
        self.asked: list[str] = []

    def stored_user_id(self, user):
        return user

    def recommend(self, users=None, histories=None, k=None, where=None, why=False):
        (self.asked,) = histories
        left = [item for item in self.items if item not in self.asked][:k]
        if not left:
            logging.getLogger("recsys").warning("nothing can be recommended: the history has all")
        titles = [self.titles.get(item, item) for item in left]
        ranks = range(1, len(left) + 1)
        return pd.DataFrame({"rank": ranks, "item": left, "title": titles, "score": 0.5})


@pytest.fixture
def artefact(monkeypatch):
    found = Artefact()
    monkeypatch.setattr("recsys.api.loading.load", lambda path: found)
    return found


class TestRecommend:
    def test_titles_have_a_column_where_there_are_any(self, artefact):
        status, table, _ = run("recommend", "runs/x", "--history", "a")
        assert status == 0 and "title" not in table and table.count("b, c") == 1
        artefact.titles = {"d": "A door"}
        _, table, _ = run("recommend", "runs/x", "--history", "a")
        assert "title" in table and "A door" in table

    def test_ids_may_hold_commas(self, artefact):
        run("recommend", "runs/x", "--item", "a", "--item", "b, c")
        assert artefact.asked == ["a", "b, c"]
        run("recommend", "runs/x", "--history", "a,d")
        assert artefact.asked == ["a", "d"]
        run("recommend", "runs/x", "--history", "")
        assert artefact.asked == []

    def test_an_unknown_user_is_told_in_options(self, artefact):
        status, _, said = run("recommend", "runs/x", "--user", "eve")
        assert status == 2 and said == (
            "error: there is no user 'eve' in the dataset runs/datasets/d. Give the history "
            "itself: --history ITEM,ITEM,… or --item ITEM --item ITEM …\n"
        )

    def test_an_empty_answer_says_why(self, artefact):
        status, table, said = run(
            "recommend", "runs/x", "--item", "a", "--item", "d", "--item=b, c"
        )
        assert (status, table) == (0, "") and said.startswith("nothing can be recommended")

    @pytest.mark.parametrize(
        "given", [[], ["--history", "a", "--user", "u"], ["--history", "a", "--item", "b"]]
    )
    def test_one_history_is_asked_for(self, artefact, given):
        status, _, said = run("recommend", "runs/x", *given)
        assert status == 2 and "give one of --history, --item" in said


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENAMETOOLONG, errno.EACCES, errno.EISDIR])
def test_a_path_that_cannot_be_used_is_one_message(monkeypatch, number):
    def fail():
        raise OSError(number, "as the system says", "a" * 300)

    monkeypatch.setattr(entry, "app", fail)
    status, _, said = run("run", "a.yaml")
    assert status == 2 and said.startswith("error: aaa") and len(said) < 300
    assert said.endswith("cannot be used: as the system says\n")


@pytest.mark.parametrize("folder", ["", "there/"])
def test_a_file_is_named_as_the_user_named_it(monkeypatch, folder):
    error = FileNotFoundError(errno.ENOENT, "No such file", f"{folder}.123-a.yaml")
    monkeypatch.setattr(entry, "app", mock.Mock(side_effect=error))
    assert run("init", "log.csv")[2] == f"error: {folder}a.yaml cannot be used: No such file\n"


def test_a_failure_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(entry, "app", mock.Mock(side_effect=KeyError("x")))
    status, _, said = run("run", "a.yaml")
    assert status == 1
    assert "Traceback" in said and "KeyError: 'x'" in said


class TestTasks:
    def test_one_that_no_package_has_is_refused_by_name(self, tmp_path):
        file = tmp_path / "a.yaml"
        file.write_text("task: clairvoyance\n")
        for command in (["run"], ["prepare"], ["data", "check"]):
            status, _, said = run(*command, str(file))
            assert status == 2 and "there is no `task: clairvoyance`" in said
            assert "choose one of recommendation" in said


def test_python_m_recsys_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["recsys", "run", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("recsys", run_name="__main__")
    assert not ended.value.code
    assert "EXPERIMENT.yaml" in capsys.readouterr().out


def test_the_version_is_shown():
    status, said, _ = run("--version")
    assert (status, said.strip()) == (0, f"recsys {cli_version}")
