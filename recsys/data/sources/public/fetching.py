"""The public data sets, fetched on first use."""

import difflib
import os
from pathlib import Path

from recsys.data.sources.engine import blaming_input
from recsys.data.sources.public.cdnow import CDNOW
from recsys.data.sources.public.complete_journey import COMPLETE_JOURNEY
from recsys.data.sources.public.data_set import PublicData, Table
from recsys.data.sources.public.digits import DIGITS_PICTURES
from recsys.data.sources.public.movielens import MOVIELENS_100K
from recsys.errors import InputError
from recsys.system.files import locked, whole_folder

PUBLIC = {data.name: data for data in (MOVIELENS_100K, CDNOW, COMPLETE_JOURNEY, DIGITS_PICTURES)}


def list_public() -> tuple[PublicData, ...]:
    """The data sets that :func:`fetch` knows."""
    return tuple(PUBLIC.values())


def find(name: str) -> PublicData:
    """A data set by name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in PUBLIC:
        near = difflib.get_close_matches(name, PUBLIC, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"no public data set {name!r}: there are {', '.join(PUBLIC)}{meant}")
    return PUBLIC[name]


def data_home() -> Path:
    """Where fetched data sets are kept: ``RECSYS_DATA_HOME``, or the user's cache folder."""
    home = os.environ.get("RECSYS_DATA_HOME")
    return Path(home) if home else Path.home() / ".cache" / "recsys"


def fetch(name: str) -> Path:
    """The folder with a data set's files; it is fetched on the first call.

    Raises:
        InputError: unknown name, no source can be reached, or a wrong checksum.
    """
    data = find(name)
    folder = data_home() / name
    if folder.is_dir():
        return folder
    with blaming_input(str(folder)), locked(folder):
        if not folder.is_dir():  # another process may have been faster
            with whole_folder(folder) as built:
                data.build(built)
    return folder


def table_file(name: str, table: Table) -> Path:
    """The file of one table of a data set, fetched on the first call.

    Raises:
        InputError: the set has no such table; or as :func:`fetch`.
    """
    data = find(name)
    if table not in data.files:
        raise InputError(f"the public data set {name!r} has no table of {table}: leave it out")
    return fetch(name) / data.files[table]
