import hashlib
import io
import urllib.error
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from recsys.data import public
from recsys.data.public import fetch, list_public
from recsys.errors import InputError

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


def packed(files, encoding="utf-8"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode(encoding))
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RECSYS_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def wheel():
    inside = "recbole/dataset_example/ml-100k/ml-100k."
    return packed({inside + suffix: text for suffix, text in RECBOLE.items()})


@pytest.fixture
def offline(monkeypatch):
    def refuse(address):
        raise urllib.error.URLError("unreachable")

    monkeypatch.setattr(public, "_download_official", refuse)


def pip_that_gives(monkeypatch, content):
    """Replaces pip: the wheel appears in the folder it was asked to fill."""

    def run(command, **_):
        assert command[1:4] == ["-m", "pip", "download"] and "--no-deps" in command
        target = command[command.index("--dest") + 1]
        if content is not None:
            (public.Path(target) / "recbole-1.2.1-py3-none-any.whl").write_bytes(content)
        return public.subprocess.CompletedProcess(
            command, int(content is None), "", "no such\nERROR"
        )

    monkeypatch.setattr(public.subprocess, "run", run)


def test_official_archive(home, monkeypatch):
    archive = packed({f"ml-100k/{name}": text for name, text in OFFICIAL.items()}, "latin-1")
    monkeypatch.setattr(public, "_download_official", lambda address: archive)
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


def test_package_when_offline(home, offline, wheel, monkeypatch):
    pip_that_gives(monkeypatch, wheel)
    monkeypatch.setattr(public, "RECBOLE_SHA256", hashlib.sha256(wheel).hexdigest())
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
def test_package_when_the_address_answers_with_something_else(home, wheel, monkeypatch, answer):
    monkeypatch.setattr(public, "_download_official", lambda address: answer)
    pip_that_gives(monkeypatch, wheel)
    monkeypatch.setattr(public, "RECBOLE_SHA256", hashlib.sha256(wheel).hexdigest())
    assert (fetch("movielens-100k") / "interactions.csv").read_text() == TIDY_LOG


def test_fetched_once(home, offline, wheel, monkeypatch):
    pip_that_gives(monkeypatch, wheel)
    monkeypatch.setattr(public, "RECBOLE_SHA256", hashlib.sha256(wheel).hexdigest())
    folder = fetch("movielens-100k")
    monkeypatch.setattr(public.subprocess, "run", lambda *_, **__: pytest.fail("fetched again"))
    assert fetch("movielens-100k") == folder


def test_wrong_checksum(home, offline, wheel, monkeypatch):
    pip_that_gives(monkeypatch, wheel)
    with pytest.raises(InputError, match=r"has SHA-256 .* expected 9c994820"):
        fetch("movielens-100k")
    assert list(home.iterdir()) == []


def test_neither_source(home, offline, monkeypatch):
    pip_that_gives(monkeypatch, None)
    with pytest.raises(InputError, match=r"unreachable.*neither from the package index.*ERROR"):
        fetch("movielens-100k")


def test_digits_are_liked_as_said_and_pictures_come_out_one_by_one(home):
    folder = fetch("digits-pictures")
    log = pd.read_csv(folder / "interactions.csv")
    items = pd.read_csv(folder / "items.csv", index_col="id")
    likes = pd.read_csv(folder / "users.csv", index_col="id")["likes"].str.split("|")
    assert len(log) == 30_000 and not log.duplicated(["user", "item"]).any()
    digits = items.loc[log["item"], "digit"].astype(str)
    assert all(digit in likes[user] for user, digit in zip(log["user"], digits, strict=True))
    assert log["time"].is_monotonic_increasing
    # Half are there from the beginning; a tenth of the year later, a tenth of the others too.
    early = log["item"][log["time"] < 1_672_531_200 + 365 * 24 * 360]
    assert 850 < early.nunique() < 990 < 1700 < log["item"].nunique()
    shades = np.array([np.asarray(Image.open(folder / path)) for path in items["picture"]])
    assert shades.shape == (1797, 8, 8) and shades.max() == 255
    # The pictures are those of their digits: nine in ten lie nearest to the mean of theirs.
    means = np.stack([shades[items["digit"] == digit].mean(axis=0) for digit in range(10)])
    distance = ((shades[:, None] - means) ** 2).sum(axis=(2, 3))
    assert np.mean(distance.argmin(axis=1) == items["digit"]) > 0.85


def test_names():
    assert [data.name for data in list_public()] == ["movielens-100k", "digits-pictures"]
    with pytest.raises(InputError, match="no public data set 'netflix'"):
        fetch("netflix")
