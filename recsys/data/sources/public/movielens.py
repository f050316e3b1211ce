"""MovieLens-100K: from its official address, or else from the copy in RecBole's wheel."""

import io
import urllib.request
import zipfile
from collections.abc import Iterable
from pathlib import Path

from recsys.data.sources.public.data_set import KEY, PublicData, Table, write_csv
from recsys.data.sources.public.wheel import download_wheel
from recsys.errors import InputError

FILES: dict[Table, str] = {"log": "interactions.csv", "users": "users.csv", "items": "items.csv"}
LOG = ("user", "item", "rating", "time")
USERS = (KEY, "age", "gender", "occupation", "zip")
ITEMS = (KEY, "title", "genres", "year")

OFFICIAL_TIMEOUT = 10.0
OFFICIAL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
RECBOLE = "recbole==1.2.1"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"


def _build(folder: Path) -> None:
    try:
        _tidy_official(_download_official(OFFICIAL), folder)
    except (OSError, zipfile.BadZipFile, KeyError) as official:  # KeyError: not in the archive
        try:
            _tidy_recbole(download_wheel(RECBOLE, RECBOLE_SHA256), folder)
        except InputError as error:
            raise InputError(
                f"MovieLens-100K cannot be fetched from {OFFICIAL} ({official}), "
                f"nor from the package index: {error}"
            ) from error


def _download_official(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=OFFICIAL_TIMEOUT) as response:
        return response.read()


def _tidy_recbole(wheel: bytes, folder: Path) -> None:
    """Turns RecBole's atomic files (tab-separated, one typed header line) into the tidy ones."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:

        def rows(suffix: str) -> Iterable[list[str]]:
            text = archive.read(f"recbole/dataset_example/ml-100k/ml-100k.{suffix}").decode()
            return [line.split("\t") for line in text.splitlines()[1:] if line]

        write_csv(folder / FILES["log"], LOG, rows("inter"))
        write_csv(folder / FILES["users"], USERS, rows("user"))
        items = [
            (item, _titled(title, year), "|".join(genres.split(" ")), _year(year))
            for item, title, year, genres in rows("item")
        ]
        write_csv(folder / FILES["items"], ITEMS, items)


def _tidy_official(archive: bytes, folder: Path) -> None:
    """Turns the files that GroupLens publishes into the tidy ones."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:

        def rows(name: str, separator: str) -> list[list[str]]:
            text = packed.read(f"ml-100k/{name}").decode("latin-1")
            return [line.split(separator) for line in text.splitlines() if line]

        genres = [name for name, _ in rows("u.genre", "|")]
        write_csv(folder / FILES["log"], LOG, rows("u.data", "\t"))
        write_csv(folder / FILES["users"], USERS, rows("u.user", "|"))
        items = []
        for item, title, date, _, _, *flags in rows("u.item", "|"):
            named = "|".join(g for g, flag in zip(genres, flags, strict=True) if flag == "1")
            items.append((item, title, named, _year(date[-4:])))
        write_csv(folder / FILES["items"], ITEMS, items)


def _year(text: str) -> str:
    """Empty for the one film without a date."""
    return text if text.isdigit() else ""


def _titled(title: str, year: str) -> str:
    """RecBole cuts the year off the title, where it distinguishes remakes."""
    return f"{title} ({year})" if year.isdigit() else title


MOVIELENS_100K = PublicData(
    name="movielens-100k",
    description=(
        "100,000 ratings of 1,682 films by 943 people, with times, titles, genres and "
        "demographics (GroupLens; free for research, not for sale)"
    ),
    columns={"user": "user", "item": "item", "value": "rating", "time": "time"},
    files=FILES,
    build=_build,
)
