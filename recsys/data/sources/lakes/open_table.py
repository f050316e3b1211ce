"""Opens the table of a lake that an experiment names."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from recsys.data.sources.addresses import expand_environment, refuse_hidden
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.formats import Lake
from recsys.data.sources.lakes.delta import open_delta
from recsys.data.sources.lakes.iceberg import open_iceberg
from recsys.data.sources.lakes.snapshot import Snapshot
from recsys.errors import InputError
from recsys.system.redaction import redact

OPEN: dict[Lake, Callable[[str, str, int | str | None, datetime | None], Snapshot]] = {
    "delta": open_delta,
    "iceberg": open_iceberg,
}


def open_table(
    lake: Lake, path: str, scratch: Path, version: int | str | None, as_of: datetime | None
) -> SourceFiles:
    """Opens a table, as a source of its own.

    Args:
        lake: what kind of table it is.
        path: of its folder, or what else names it; ``${NAME}`` is taken from the environment.
        scratch: folder for what is made of it.
        version: which one; the newest by default.
        as_of: the newest of this time instead.

    Raises:
        InputError: there is no such table or version, or it cannot be read.
        MissingExtra: the package that reads it is not installed.
    """
    refuse_hidden([path])
    place = expand_environment(path)
    where = redact(path)
    if "://" in place and ("@" in place.partition("://")[2].partition("/")[0] or "?" in place):
        raise InputError(
            f"the address {where} of a table holds credentials: take them out. They are found in "
            "the environment, a profile or the machine's role, as by the store's own tools"
        )
    opened = OPEN[lake]
    snapshot = opened(place, where, version, as_of)
    folder = Path(place) if os.path.isdir(place) else None
    return SourceFiles(
        paths=(place,),
        format=lake,
        compression="none",
        filesystem=None,
        fingerprint=snapshot.version.fingerprint,
        folder=folder,
        names=(where,),
        scratch=scratch,
        snapshot=snapshot,
    )
