"""CDNOW: what the customers of a music shop spent, without what they bought.

Fader and Hardie, "Forecasting Repeat Sales at CDNOW: A Case Study", Interfaces 31(3), 2001.
Everyone bought for the first time in the first quarter of 1997.
"""

import io
import zipfile
from datetime import datetime
from pathlib import Path

from recsys.data.sources.public.data_set import PublicData, Table, write_csv
from recsys.data.sources.public.wheel import download_wheel

LIFETIMES = "lifetimes==0.11.3"
LIFETIMES_SHA256 = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"
FILES: dict[Table, str] = {"log": "interactions.csv"}


def _build(folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(download_wheel(LIFETIMES, LIFETIMES_SHA256))) as archive:
        text = archive.read("lifetimes/datasets/CDNOW_master.txt").decode()
    _, *lines = (line.split() for line in text.splitlines() if line.strip())
    rows = ((user, _iso(date), cds, dollars) for user, date, cds, dollars in lines)
    write_csv(folder / FILES["log"], ("user", "time", "cds", "dollars"), rows)


def _iso(date: str) -> str:
    return datetime.strptime(date, "%Y%m%d").date().isoformat()


CDNOW = PublicData(
    name="cdnow",
    description=(
        "69,659 purchases of 23,570 customers of a music shop, 1997 and 1998: dates, numbers "
        "of CDs and dollars, no items, for predictions about users only (carried by the package "
        "Lifetimes, MIT)"
    ),
    columns={"user": "user", "time": "time", "value": "dollars"},
    files=FILES,
    build=_build,
)
