"""Public data sets by name, fetched once and kept as three tidy files.

MovieLens-100K comes from its official address or, where that cannot be reached,
from the published package that carries a copy: the wheel of RecBole 1.2.1 is
downloaded with pip, verified, unpacked, and never installed. Only sets that a
published package carries are listed, so that each can be had behind a proxy
that lets nothing but the package index through. The pictures of digits come with
scikit-learn.
"""

import csv
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recsys.data.digits import build_digit_shop
from recsys.data.engine import blaming_input
from recsys.errors import InputError

Table = Literal["log", "users", "items"]
FILES: dict[Table, str] = {"log": "interactions.csv", "users": "users.csv", "items": "items.csv"}
KEY = "id"
OFFICIAL_TIMEOUT = 10.0
PIP_TIMEOUT = 300.0

MOVIELENS_100K = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
RECBOLE = "recbole==1.2.1"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"


@dataclass(frozen=True)
class PublicData:
    """A public data set.

    Attributes:
        name: what experiments call it.
        description: content, size and licence in a line.
        columns: roles of the columns of its log.
        build: writes the three files into an empty folder.
    """

    name: str
    description: str
    columns: dict[str, str]
    build: Callable[[Path], None]


def list_public() -> tuple[PublicData, ...]:
    """The data sets that :func:`fetch` knows."""
    return tuple(PUBLIC.values())


def find(name: str) -> PublicData:
    """A data set by name.

    Raises:
        InputError: none of that name.
    """
    if name not in PUBLIC:
        raise InputError(f"no public data set {name!r}: there are {', '.join(PUBLIC)}")
    return PUBLIC[name]


def data_home() -> Path:
    """Where fetched data sets are kept: ``RECSYS_DATA_HOME``, or the user's cache folder."""
    home = os.environ.get("RECSYS_DATA_HOME")
    return Path(home) if home else Path.home() / ".cache" / "recsys"


def fetch(name: str) -> Path:
    """The folder with a data set's ``interactions.csv``, ``users.csv`` and ``items.csv``.

    It is fetched on the first call.

    Raises:
        InputError: unknown name, no source can be reached, or a wrong checksum.
    """
    data = find(name)
    folder = data_home() / name
    if folder.is_dir():
        return folder
    with blaming_input(str(folder)):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.") as scratch:
            built = Path(scratch) / name
            built.mkdir()
            data.build(built)
            # Another process may have been faster; its files are the same.
            if not folder.is_dir():
                os.replace(built, folder)
    return folder


def _build_movielens_100k(folder: Path) -> None:
    try:
        _tidy_official(_download_official(MOVIELENS_100K), folder)
    except (OSError, zipfile.BadZipFile, KeyError) as official:  # KeyError: not in the archive
        try:
            _tidy_recbole(_download_wheel(RECBOLE, RECBOLE_SHA256), folder)
        except InputError as error:
            raise InputError(
                f"MovieLens-100K cannot be fetched from {MOVIELENS_100K} ({official}), "
                f"and neither from the package index: {error}"
            ) from error


def _download_official(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=OFFICIAL_TIMEOUT) as response:
        return response.read()


def _download_wheel(requirement: str, sha256: str) -> bytes:
    """A wheel from the package index that pip is set up for, verified."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"pip download {requirement} took over {PIP_TIMEOUT} s") from error
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise InputError(f"pip download {requirement} failed: {said[-1] if said else ''}")
        content = wheels[0].read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(f"the wheel of {requirement} has SHA-256 {found}, expected {sha256}")
    return content


def _tidy_recbole(wheel: bytes, folder: Path) -> None:
    """Turns RecBole's atomic files (tab-separated, one typed header line) into the tidy ones."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:

        def rows(suffix: str) -> Iterable[list[str]]:
            text = archive.read(f"recbole/dataset_example/ml-100k/ml-100k.{suffix}").decode()
            return [line.split("\t") for line in text.splitlines()[1:] if line]

        _write(folder, "log", ("user", "item", "rating", "time"), rows("inter"))
        _write(folder, "users", (KEY, "age", "gender", "occupation", "zip"), rows("user"))
        items = [
            (item, _titled(title, year), "|".join(genres.split(" ")), _year(year))
            for item, title, year, genres in rows("item")
        ]
        _write(folder, "items", (KEY, "title", "genres", "year"), items)


def _tidy_official(archive: bytes, folder: Path) -> None:
    """Turns the files that GroupLens publishes into the tidy ones."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:

        def rows(name: str, separator: str) -> list[list[str]]:
            text = packed.read(f"ml-100k/{name}").decode("latin-1")
            return [line.split(separator) for line in text.splitlines() if line]

        genres = [name for name, _ in rows("u.genre", "|")]
        _write(folder, "log", ("user", "item", "rating", "time"), rows("u.data", "\t"))
        _write(folder, "users", (KEY, "age", "gender", "occupation", "zip"), rows("u.user", "|"))
        items = []
        for item, title, date, _, _, *flags in rows("u.item", "|"):
            named = "|".join(g for g, flag in zip(genres, flags, strict=True) if flag == "1")
            items.append((item, title, named, _year(date[-4:])))
        _write(folder, "items", (KEY, "title", "genres", "year"), items)


def _build_digits_pictures(folder: Path) -> None:
    shop = build_digit_shop(folder)
    _write(folder, "log", ("user", "item", "time"), shop.log)
    _write(folder, "users", (KEY, "likes"), shop.users)
    _write(folder, "items", (KEY, "digit", "picture"), shop.items)


def _year(text: str) -> str:
    """Empty for the one film without a date."""
    return text if text.isdigit() else ""


def _titled(title: str, year: str) -> str:
    """RecBole cuts the year off the title, where it tells remakes apart."""
    return f"{title} ({year})" if year.isdigit() else title


def _write(
    folder: Path, table: Table, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    with open(folder / FILES[table], "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


PUBLIC = {
    data.name: data
    for data in (
        PublicData(
            name="movielens-100k",
            description=(
                "100,000 ratings of 1,682 films by 943 people, with times, titles, genres and "
                "demographics (GroupLens; free for research, not for sale)"
            ),
            columns={"user": "user", "item": "item", "value": "rating", "time": "time"},
            build=_build_movielens_100k,
        ),
        PublicData(
            name="digits-pictures",
            description=(
                "1,797 handwritten digits (scikit-learn, from UCI, CC BY 4.0) that stand in for "
                "pictures of items, and a generated log: 30,000 events of 1,000 users, who like "
                "two or three digits each"
            ),
            columns={"user": "user", "item": "item", "time": "time"},
            build=_build_digits_pictures,
        ),
    )
}
