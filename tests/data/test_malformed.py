"""What is wrong with logs, tables and settings, and what is said: what, where, how to mend it.

Each case is a log (or what is wrong with it) and settings, and the message, in which ``~`` is the
folder of the log. What every message on unusable rows ends with is left out.
"""

import gzip
import io
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.api.data import _OfData
from recsys.data.prepare.prepare import prepare
from recsys.errors import InputError
from recsys.experiment.file import validated

COLUMNS = {"user": "user", "item": "item", "time": "time"}
CUTS = {"kind": "time", "validation_quantile": 0.5, "test_quantile": 0.75}
HEADER = "user,item,time"
ROWS = [f"{'ab'[n % 2]},{'xyzw'[n // 2 % 4]},{1546300800 + n * 86400}" for n in range(20)]
ITEMS = "id,brand,price\nx,a,1\ny,b,2\nz,a,3\nw,b,4\n"


class Case(NamedTuple):
    """A log, by the name and the content of its file, and what an experiment says of it."""

    content: str | bytes | None
    log: dict[str, Any]
    file: str
    items_csv: str | None
    data: dict[str, Any]


CASES: dict[str, Case] = {}


def add(
    name: str,
    content: str | bytes | None,
    log: dict[str, Any] | None = None,
    file: str = "log.csv",
    items_csv: str | None = None,
    **data: Any,
) -> None:
    CASES[name] = Case(content, log or {}, file, items_csv, data)


def rows(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines, ""])


def times(name: str, time: Callable[[int], Any], **log: Any) -> None:
    add(name, rows(*(f"{r.rpartition(',')[0]},{time(n)}" for n, r in enumerate(ROWS))), log)


def further(
    name: str, role: str, value: Callable[[int], Any], split: Any = CUTS, **log: Any
) -> None:
    """A log with a column of a further role."""
    content = rows(*(f"{r},{value(n)}" for n, r in enumerate(ROWS)), header=f"{HEADER},{role}")
    add(name, content, {"columns": {**COLUMNS, role: role}, **log}, split=split)


def table(name: str, content: str, key: str = "id", **settings: Any) -> None:
    section = {"path": "items.csv", "key": key, **settings}
    add(name, GOOD, items_csv=content, items=section)


GOOD = rows(*ROWS)
# files
add("empty", "")
add("only a mark", "\ufeff")
add("only line ends", "\n\n\n")
add("only a header", HEADER + "\n")
add("zip", b"PK\x03\x04aaaa")
add("xls", b"\xd0\xcf\x11\xe0aaaa")
add("bz2", b"BZhaaaa")
add("xz", b"\xfd7zXZaaaa")
add("hdf5", b"\x89HDFaaaa")
add("orc", b"ORCaaaa")
add("sqlite", b"SQLite format 3\0")
add("parquet named csv", b"PAR1aaaaaaaaaaaaPAR1")
add("csv named parquet", GOOD, file="log.parquet")
add("truncated parquet", b"PAR1aaaa", file="log.parquet")
add("parquet rubbish footer", b"PAR1" + b"a" * 40 + b"\x10\0\0\0PAR1", file="log.parquet")
add("not gzip", GOOD, file="log.csv.gz")
add("truncated gzip", gzip.compress(GOOD.encode())[:40], file="log.csv.gz")
add("not zstd", GOOD, file="log.csv.zst")
add("utf16", GOOD.encode("utf-16"))
add("utf16 le no mark", GOOD.encode("utf-16-le"))
add("latin1", rows(*ROWS, "é,x,1546300800").encode("latin-1"))
add("cp1252 bytes all", rows(*["\x80\x81,x,1546300800"] * 20).encode("latin-1"))
add("nul bytes", GOOD.replace("a,", "\0,"))
add("binary", bytes(range(256)) * 10)
add("wrong encoding name", GOOD, {"encoding": "klingon"})
add("encoding gb18030 wrong", GOOD.encode() + b"\xff\xff,x,1", {"encoding": "gb18030"})
# headers
add("no user column", GOOD.replace("user,item", "usr,item"))
add("case differs", GOOD.replace("user,item", "USER,item"))
add("no header", "\n".join(ROWS))
add("header repeated", GOOD.replace("user,item,time", "user,user,time"))
add("header repeated blanks", GOOD.replace("user,item,time", "user,item, ITEM"))
add("header of one", GOOD.replace("user,item,time", "user"))
add("title above", "Export of 2019\n" + GOOD)
add("remark above", "# exported\n# by x\n" + GOOD)
add("semicolon with comma set", GOOD.replace(",", ";"), {"delimiter": ","})
add("delimiter unlike", GOOD, {"delimiter": ";"})
add("ambiguous delimiter", "user,item;time,x;y\n" + "".join(f"a,x;{n},b;c\n" for n in range(20)))
add("column_names too few", "\n".join(ROWS), {"column_names": ["user", "item"]})
add("column_names twice", "\n".join(ROWS), {"column_names": ["user", "item", "item"]})
add("skip beyond", GOOD, {"skip": 500})
add("header blank names", ",,\n" + "\n".join(ROWS))
# rows
add("all ragged", rows(*["a,x"] * 20))
add("all too wide", rows(*[r + ",1,2" for r in ROWS]))
add("most ragged", rows(*ROWS[:4], *["a,x"] * 20))
add("open quote first", rows('"a,x,1', *ROWS[:0]))
add("all open quotes", rows(*['a,"x,1546300800'] * 20))
add("open quote most", rows(*ROWS[:3], *['a,"x,1546300800'] * 20))
add("quotes of another kind", rows(*["'a','x,y',1546300800" for _ in range(20)]))
add("html", "<!DOCTYPE html>\n<html><body>Not found</body></html>\n")
add("json error page", '{"error": "not found"}', file="log.csv")
add("xml", "<?xml version='1.0'?>\n<log><row/></log>\n")
# json
add("json rubbish", "nonsense\n", file="log.jsonl")
add("json truncated", '{"user": "a", "item"', file="log.jsonl")
add("json array of numbers", "[1,2,3]", file="log.json")
add("json array truncated", '[{"user":"a","item":"x","time":1546300800},', file="log.json")
add("json no key", '{"usr":"a","item":"x","time":1546300800}\n' * 5, file="log.jsonl")
add(
    "json twice the key",
    '{"user":"a","user":"b","item":"x","time":1546300800}\n' * 5,
    file="log.jsonl",
)
add(
    "json nested missing",
    '{"user":{"id":"a"},"item":"x","time":1546300800}\n' * 5,
    {"columns": {"user": "user.name", "item": "item", "time": "time"}},
    file="log.jsonl",
)
add("json deep", "[" * 5000 + "]" * 5000, file="log.json")
add(
    "json mostly broken",
    '{"user":"a","item":"x","time":1546300800}\n' + "{\n" * 20,
    file="log.jsonl",
)
# ids
add("users all empty", rows(*["," + r.split(",", 1)[1] for r in ROWS]))
add(
    "items all empty",
    rows(
        *[
            r.replace(",x,", ",,").replace(",y,", ",,").replace(",z,", ",,").replace(",w,", ",,")
            for r in ROWS
        ]
    ),
)
add("one user", rows(*["a," + r.split(",", 1)[1] for r in ROWS]))
add("one item", rows(*[r.split(",")[0] + ",x," + r.split(",")[2] for r in ROWS]))
add("nulls named", rows(*ROWS), {"null_values": ["a", "b"]})
# times
times("times words", lambda i: "soon")
times("times empty", lambda i: "")
times("times too large", lambda i: 1546300800000000000000 + i)
times("times counts", lambda i: i)
times("times negative", lambda i: -5 - i)
times("times future", lambda i: f"2190-01-{i + 1:02}")
times("times before", lambda i: f"1960-01-{i + 1:02}")
times("times US", lambda i: f"{i % 12 + 1:02}/{i + 1:02}/2019")
times("times German", lambda i: f"{i + 1:02}.01.2019")
times("times format wrong", lambda i: f"{i + 1:02}.01.2019", **{"time_format": "%m/%d/%Y"})
times("times format unknown", lambda i: f"2019-01-{i + 1:02}", **{"time_format": "%Q"})
times("timezone unknown", lambda i: f"2019-01-{i + 1:02}", **{"timezone": "Mars/Base"})
times("times calendar numbers", lambda i: 20190101 + i)
times("times spreadsheet days", lambda i: 43466 + i)
times("times two units", lambda i: 1546300800 + i if i % 2 else (1546300800 + i) * 1000)
times("times all one", lambda i: 1546300800)
times("earliest too late", lambda i: 1546300800 + i * 86400, **{"earliest_time": "2020-01-01"})
times("latest too early", lambda i: 1546300800 + i * 86400, **{"latest_time": "2018-01-01"})
times("times of day", lambda i: f"{i % 24}:00")
# values
further("values words", "value", lambda i: "cheap")
further("values comma", "value", lambda i: '"1,5"')
further("values currency", "value", lambda i: f"${i}.50")
further("values infinite", "value", lambda i: "1e999")
further("values below", "value", lambda i: 1, **{"minimum_value": 5})
further("values missing", "value", lambda i: "", **{"minimum_value": 0})
further("decimal equals thousands", "value", lambda i: 1, **{"decimal": ",", "thousands": ","})
# events
further("events no weights", "event", lambda i: "view")
further("events unlisted", "event", lambda i: "view", **{"event_weights": {"buy": 1}})
further(
    "events all dropped", "event", lambda i: "view", **{"event_weights": {"view": None, "buy": 1}}
)
further("events weigh nothing", "event", lambda i: "view", **{"event_weights": {"view": 0}})
further("events negative", "event", lambda i: "view", **{"event_weights": {"view": -1}})
further("events empty", "event", lambda i: "", **{"event_weights": {"view": 1}})
# split/filters
add("split random with time", GOOD, split={"kind": "random"})
add("split fixed no column", GOOD, split={"kind": "fixed"})
further("split fixed values", "split", lambda i: f"part{i}", split={"kind": "fixed"})
further(
    "split fixed leaks",
    "split",
    lambda i: f"{'test' if i < 5 else 'train'}",
    split={"kind": "fixed"},
)
add("split time no time", GOOD, {"columns": {"user": "user", "item": "item"}})
add(
    "split cut after",
    GOOD,
    split={"kind": "time", "validation_from": "2030-01-01", "test_from": "2030-02-01"},
)
add("split one from", GOOD, split={"kind": "time", "validation_from": "2019-01-05"})
add(
    "split quantiles swapped",
    GOOD,
    split={"kind": "time", "validation_quantile": 0.9, "test_quantile": 0.5},
)
add(
    "leave one out short",
    rows(ROWS[0], ROWS[1], "a,y,1546300900", "b,z,1546300900"),
    split={"kind": "leave_one_out"},
)
add("minimum events", GOOD, minimum_user_events=100)
add("minimum items", GOOD, minimum_item_events=100)
add("where nothing", GOOD, {"where": "item = 'nothing'"})
add("where no column", GOOD, {"where": "country = 'DE'"})
add("where syntax", GOOD, {"where": "item = = 'x'"})
add("where statement", GOOD, {"where": "1=1; DROP TABLE log"})
add("where not yes no", GOOD, {"where": "item"})
add("where reads file", GOOD, {"where": "item IN (SELECT * FROM read_csv('/etc/passwd'))"})
add("where conversion", GOOD, {"where": "CAST(item AS INTEGER) > 3"})
# side tables
table("items empty", "")
table("items no key", ITEMS, key="sku")
table("items no feature", ITEMS, features={"maker": "categorical"})
table("items numeric words", ITEMS, features={"brand": "numeric"})
table("items other key", ITEMS.replace("id,", "sku,"))
table("items twice", ITEMS + "x,c,9\n", features={"brand": "categorical"})
table("items vectors ragged", "id,v\nx,1 2\ny,1 2 3\n", features={"v": "vector"})
table("items vectors words", "id,v\nx,a b\ny,c d\n", features={"v": "vector"})
table("items images missing", "id,v\nx,nothing.png\n", features={"v": "image"})
table("items feature name", ITEMS, features={"my brand": "categorical"})
table("items feature kind", ITEMS, features={"brand": "category"})
# settings
add("no such path", None)
add("path empty list", GOOD, {"path": []})
add("role twice", GOOD, {"columns": {"user": "user", "item": "user", "time": "time"}})
add("no user role", GOOD, {"columns": {"item": "item", "time": "time"}})
add("user empty", GOOD, {"columns": {"user": "", "item": "item", "time": "time"}})
add("unknown role", GOOD, {"columns": {"user": "user", "itm": "item"}})
add("quarantine above one", GOOD, {"max_quarantined": 2})
add("delimiter long", GOOD, {"delimiter": ",,,,,"})
add("quote two", GOOD, {"quote": "''"})
add("format unknown", GOOD, {"format": "xlsx"})
add("public unknown", None, {"public": "movielens-9", "path": None})
add("environment", None, {"path": "${NOT_SET_ANYWHERE}/log.csv"})
add("folder empty", None, {"path": "EMPTY"})
add("limit above one", GOOD, limits={"repeated_rows": 2})
add("limit unknown", GOOD, limits={"repeated": 0.1})
# compressed and typed files that are damaged behind their first blocks
DRAW = random.Random(0)
LONG = rows(*(f"{DRAW.randrange(10**9)},{DRAW.randrange(10**9)},{n}" for n in range(20_000)))
OBJECTS = "".join(
    f'{{"user": "u{n % 50}", "item": "i{n % 40}", "time": {n}}}\n' for n in range(30_000)
)
TWO = '{"user":"a","item":"x","time":1546300800},{"user":"b","item":"y","time":1546300900}'


def overwritten(content: bytes, at: int, size: int) -> bytes:
    return content[:at] + bytes(size) + content[at + size :]


def parquet() -> bytes:
    numbers = [str(n) for n in range(5_000)]
    out = io.BytesIO()
    pq.write_table(pa.table({"user": numbers, "item": numbers, "time": list(range(5_000))}), out)
    return out.getvalue()


PACKED = gzip.compress(LONG.encode(), mtime=0)
add("gzip truncated", PACKED[: len(PACKED) // 2], file="log.csv.gz")
add("gzip damaged", overwritten(PACKED, len(PACKED) // 2, 40), file="log.csv.gz")
ZSTD = pa.compress(LONG.encode(), codec="zstd", asbytes=True)
add("zstd truncated", ZSTD[: len(ZSTD) // 2], file="log.csv.zst")
add("jsonl gzip truncated", gzip.compress(OBJECTS.encode())[:20_000], file="log.jsonl.gz")
add("json array object cut", f"[{TWO[:60]}", file="log.json")
add("json array cut after comma", f"[{TWO},{TWO},", file="log.json")
add("json array cut after object", f"[{TWO}", file="log.json")
add("json array then more", f'[{TWO}] {{"user":"c"}}', file="log.json")
add("parquet damaged", overwritten(parquet(), 2_000, 4_000), file="log.parquet")


MESSAGES = {
    "empty": ("~/log.csv is empty: write it again, or name another one in `path`"),
    "only a mark": ("~/log.csv is empty: write it again, or name another one in `path`"),
    "only line ends": ("~/log.csv is empty: write it again, or name another one in `path`"),
    "only a header": ("~/log.csv has no rows: name another file in `path`, or lower `skip`"),
    "zip": ("~/log.csv is a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV"),
    "xls": ("~/log.csv is an old Excel workbook: save the sheet as CSV"),
    "bz2": ("~/log.csv is compressed with bzip2: unpack it, or use gzip"),
    "xz": ("~/log.csv is compressed with xz: unpack it, or use gzip"),
    "hdf5": ("~/log.csv is an HDF5 file: save it as Parquet"),
    "orc": ("~/log.csv is an ORC file: save it as Parquet"),
    "sqlite": ("~/log.csv is an SQLite database: export the table as CSV or Parquet"),
    "parquet named csv": (
        "~/log.csv is not CSV text, the format of its ending: it holds Parquet. Rename it, or"
        " set `format`."
    ),
    "csv named parquet": (
        "~/log.parquet is not Parquet, the format of its ending: it holds CSV text. Rename "
        "it, or set `format`."
    ),
    "truncated parquet": (
        "~/log.parquet is a truncated Parquet file: its end is missing. Copy it again."
    ),
    "parquet rubbish footer": (
        "~/log.parquet cannot be read: Couldn't deserialize thrift: No more data to read. "
        "Fetch or write it again."
    ),
    "not gzip": (
        "the ending of ~/log.csv.gz stands for gzip compression, but the file is not gzip: "
        "rename or compress it"
    ),
    "truncated gzip": (
        "~/log.csv.gz is a broken or truncated gzip file: Compressed file ended before the "
        "end-of-stream marker was reached. Copy it again."
    ),
    "not zstd": (
        "the ending of ~/log.csv.zst stands for zstd compression, but the file is not zstd: "
        "rename or compress it"
    ),
    "utf16": ("~/log.csv is UTF-16 text: set `encoding: utf-16`"),
    "utf16 le no mark": (
        "~/log.csv is neither text nor Parquet: save it as CSV, JSON or Parquet, or name its "
        "`encoding`"
    ),
    "latin1": (
        "~/log.csv: line 22 is not UTF-8 text. Name the file's encoding, for example "
        "`encoding: cp1252` (Western Europe) or `encoding: gb18030` (Chinese)."
    ),
    "cp1252 bytes all": (
        "~/log.csv: line 2 is not UTF-8 text. Name the file's encoding, for example "
        "`encoding: cp1252` (Western Europe) or `encoding: gb18030` (Chinese)."
    ),
    "nul bytes": (
        "~/log.csv is neither text nor Parquet: save it as CSV, JSON or Parquet, or name its "
        "`encoding`"
    ),
    "binary": (
        "~/log.csv is neither text nor Parquet: save it as CSV, JSON or Parquet, or name its "
        "`encoding`"
    ),
    "wrong encoding name": ("unknown encoding 'klingon': try utf-8, cp1252, gb18030 or utf-16"),
    "encoding gb18030 wrong": (
        "~/log.csv is not gb18030 text: 'gb18030' codec can't decode byte 0xff in position "
        "315: illegal multibyte sequence"
    ),
    "no user column": (
        "~/log.csv has no column 'user' (user). Did you mean 'usr'? Its columns: usr, item, time"
    ),
    "case differs": (
        "~/log.csv has no column 'user' (user). Did you mean 'USER'? Its columns: USER, item, time"
    ),
    "no header": ("~/log.csv has no column 'user' (user). Its columns: a, x, 1546300800"),
    "header repeated": (
        "~/log.csv has 2 columns named 'user'. Rename one, or name all columns by "
        "`column_names` and set `skip: 1`."
    ),
    "header repeated blanks": (
        "~/log.csv has 2 columns named 'item' and 'ITEM'. Rename one, or name all columns by "
        "`column_names` and set `skip: 1`."
    ),
    "header of one": (
        "~/log.csv: line 1 ('user') has 1 cell, and the lines below have 3. If it stands "
        "above the header, set `skip: 1`; if it is the header, mend it, or name all columns "
        "by `column_names` and set `skip: 1`."
    ),
    "title above": (
        "~/log.csv: line 1 ('Export of 2019') has 1 cell, and the lines below have 3. If it "
        "stands above the header, set `skip: 1`; if it is the header, mend it, or name all "
        "columns by `column_names` and set `skip: 1`."
    ),
    "remark above": (
        "~/log.csv: line 1 ('# exported') has 1 cell, and the lines below have 3. If it "
        "stands above the header, set `skip: 2`; if it is the header, mend it, or name all "
        "columns by `column_names` and set `skip: 1`."
    ),
    "semicolon with comma set": (
        "~/log.csv has no column 'user' (user). There is one column only: set `delimiter`. "
        "Its columns: user;item;time"
    ),
    "delimiter unlike": (
        "~/log.csv has no column 'user' (user). There is one column only: set `delimiter`. "
        "Its columns: user,item,time"
    ),
    "ambiguous delimiter": (
        "~/log.csv: columns may be separated by ',' (3 columns) or ';' (3 columns): set `delimiter`"
    ),
    "column_names too few": (
        "~/log.csv has no column 'time' (time). Did you mean 'item'? Its columns: user, item"
    ),
    "column_names twice": (
        "~/log.csv: `column_names` has 2 columns named 'item'. Give each column its own name."
    ),
    "skip beyond": ("~/log.csv has no header line"),
    "header blank names": (
        "~/log.csv: line 1 ('') has 0 cells, and the lines below have 3. If it stands above "
        "the header, set `skip: 1`; if it is the header, mend it, or name all columns by "
        "`column_names` and set `skip: 1`."
    ),
    "all ragged": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: wrong number of cells. For "
        "example line 2 of ~/log.csv: 'a,x'. Mend these lines; if the columns were split "
        "wrongly, set `delimiter`."
    ),
    "all too wide": (
        "~/log.csv: line 1 ('user item time') has 3 cells, and the lines below have 5. If it "
        "stands above the header, set `skip: 1`; if it is the header, mend it, or name all "
        "columns by `column_names` and set `skip: 1`."
    ),
    "most ragged": (
        "~/log.csv: 20 of 24 rows cannot be used, 20 of them for: wrong number of cells. For "
        "example line 6 of ~/log.csv: 'a,x'. Mend these lines; if the columns were split "
        "wrongly, set `delimiter`."
    ),
    "open quote first": (
        "~/log.csv: 1 of 1 row cannot be used, 1 of them for: broken quotes. For example line"
        " 2 of ~/log.csv: '\"a,x,1'. Mend the quotes of these lines: a quote inside quotes is "
        "doubled, or set `escape` to the character before it. If quotes are plain characters "
        'in this file, set `quote: ""`.'
    ),
    "all open quotes": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: broken quotes. For example "
        "line 2 of ~/log.csv: 'a,\"x,1546300800'. Mend the quotes of these lines: a quote "
        "inside quotes is doubled, or set `escape` to the character before it. If quotes are "
        'plain characters in this file, set `quote: ""`.'
    ),
    "open quote most": (
        "~/log.csv: 20 of 23 rows cannot be used, 20 of them for: broken quotes. For example "
        "line 5 of ~/log.csv: 'a,\"x,1546300800'. Mend the quotes of these lines: a quote "
        "inside quotes is doubled, or set `escape` to the character before it. If quotes are "
        'plain characters in this file, set `quote: ""`.'
    ),
    "quotes of another kind": (
        "~/log.csv: line 1 ('user item time') has 3 cells, and the lines below have 4. If it "
        "stands above the header, set `skip: 1`; if it is the header, mend it, or name all "
        "columns by `column_names` and set `skip: 1`."
    ),
    "html": (
        "~/log.csv has no column 'user' (user). There is one column only: set `delimiter`. "
        "Its columns: <!DOCTYPE html>"
    ),
    "json error page": (
        "~/log.csv is not CSV text, the format of its ending: it holds JSON. Rename it, or "
        "set `format`."
    ),
    "xml": (
        "~/log.csv has no column 'user' (user). There is one column only: set `delimiter`. "
        "Its columns: <?xml version='1.0'?>"
    ),
    "json rubbish": (
        "~/log.jsonl is not JSON, the format of its ending: it holds CSV text. Rename it, or "
        "set `format`."
    ),
    "json truncated": (
        "~/log.jsonl cannot be read: Invalid Input Error: Malformed JSON in file "
        '"~/log.jsonl", at byte 21 in record/value 2: unexpected end of data. Mend or remove '
        "the line."
    ),
    "json array of numbers": (
        "~/log.json is not JSON, the format of its ending: it holds CSV text. Rename it, or "
        "set `format`."
    ),
    "json array truncated": (
        "~/log.json is a truncated JSON array: its `]` is missing. Copy it again."
    ),
    "json no key": (
        "~/log.jsonl has no column 'user' (user). Did you mean 'usr'? Its columns: usr, item, time"
    ),
    "json twice the key": (
        "an object of ~/log.jsonl has 2 columns named 'user'. Rename one of the keys."
    ),
    "json nested missing": (
        "~/log.jsonl: 5 of 5 rows cannot be used, 5 of them for: empty user. For example line"
        " 1 of ~/log.jsonl: {'user': None, 'item': 'x', 'time': '1546300800'}."
    ),
    "json deep": (
        "~/log.json is not JSON, the format of its ending: it holds CSV text. Rename it, or "
        "set `format`."
    ),
    "json mostly broken": (
        "~/log.jsonl: 20 of 21 rows cannot be used, 20 of them for: not a JSON object. For "
        "example line 2 of ~/log.jsonl: '{'. Mend or remove these lines: each must be one "
        "complete JSON object."
    ),
    "users all empty": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: empty user. For example "
        "line 2 of ~/log.csv: {'user': None, 'item': 'x', 'time': '1546300800'}."
    ),
    "items all empty": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: empty item. For example "
        "line 2 of ~/log.csv: {'user': 'a', 'item': None, 'time': '1546300800'}."
    ),
    "one user": (
        "~/log.csv: 1 user is left of 1; at least two are needed. Check `columns.user`, "
        "`minimum_user_events` and `minimum_item_events`."
    ),
    "one item": (
        "~/log.csv: 1 item is left of 1; at least two are needed. Check `columns.item`, "
        "`minimum_user_events` and `minimum_item_events`."
    ),
    "nulls named": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: empty user. For example "
        "line 2 of ~/log.csv: {'user': None, 'item': 'x', 'time': '1546300800'}."
    ),
    "times words": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unparseable time. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': 'soon'}. Of these, "
        "values such as 'soon' (100 %) are not in ISO 8601: mend them or, if all are written "
        "alike, set `time_format`."
    ),
    "times empty": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: missing time. For example "
        "line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': None}."
    ),
    "times too large": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unparseable time. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': "
        "'1546300800000000000000'}. Of these, values such as '1546300800000000000000' (100 %)"
        " are not in ISO 8601: mend them or, if all are written alike, set `time_format`."
    ),
    "times counts": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time before 1990. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '0'}. Of these, "
        "values such as 1 (95 %): time before 1990; if they count from an origin of their "
        "own, set `earliest_time: 1970-01-01`."
    ),
    "times negative": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time before 1990. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '-5'}. Of these, 100"
        " % of the values are 0 or less, such as -10."
    ),
    "times future": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time in the future. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '2190-01-01'}. Of "
        "these, values such as 2190-01-01 (100 %): time in the future; `latest_time` allows "
        "them."
    ),
    "times before": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time before 1990. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '1960-01-01'}. Of "
        "these, values such as 1960-01-01 (100 %): time before 1990; if they count from an "
        "origin of their own, set `earliest_time: 1970-01-01`."
    ),
    "times US": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unparseable time. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '01/01/2019'}. Of "
        "these, values such as '12/12/2019' are not in ISO 8601: set `time_format: "
        '"%m/%d/%Y"`.'
    ),
    "times German": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unparseable time. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '01.01.2019'}. Of "
        "these, values such as '20.01.2019' are not in ISO 8601: set `time_format: "
        '"%d.%m.%Y"`.'
    ),
    "times format wrong": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unparseable time. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '01.01.2019'}. Of "
        "these, values such as '20.01.2019' are not in ISO 8601: set `time_format: "
        '"%d.%m.%Y"`.'
    ),
    "times format unknown": (
        "~/log.csv cannot be read: Invalid Input Error: Failed to parse format specifier %Q: "
        "Unrecognized format for strftime/strptime: %Q Correct `time_format`."
    ),
    "timezone unknown": (
        "~/log.csv cannot be read: Not implemented Error: Unknown TimeZone 'Mars/Base'! Set "
        "`timezone` to a name such as Europe/Berlin."
    ),
    "times calendar numbers": (
        "~/log.csv, the time column, holds numbers such as 20190101: if they are calendar "
        'dates, set `time_format: "%Y%m%d"`; if they are epoch numbers, set `time_unit`'
    ),
    "times spreadsheet days": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time before 1990. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '43466'}. Of these, "
        "numbers such as 43466 (100 %) look like the days of a spreadsheet, since 1899-12-30:"
        " write them as dates."
    ),
    "times two units": (
        "~/log.csv, the time column, mixes units: 50 % look like seconds (1546300801), 50 % "
        "look like milliseconds (1546300800000). Write all in one unit; or set `time_unit: "
        "seconds`, and the others are set aside"
    ),
    "times all one": (
        "the split time leaves no events of a weight above 0 for validation, test: choose "
        "other cuts (`validation_quantile`, `test_quantile`, or `validation_from` and "
        "`test_from`), or give more of the log"
    ),
    "earliest too late": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time before 2020. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '1546300800'}. Of "
        "these, numbers such as 1546300800 (100 %) look like seconds since 1970: set "
        "`time_unit: seconds`."
    ),
    "latest too early": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: time after 2018-01-01. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '1546300800'}. Of "
        "these, numbers such as 1546300800 (100 %) look like seconds since 1970: set "
        "`time_unit: seconds`."
    ),
    "times of day": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unparseable time. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '0:00'}. Of these, "
        "values such as '0:00' (100 %) are not in ISO 8601: mend them or, if all are written "
        "alike, set `time_format`."
    ),
    "values words": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: non-numeric value, such as "
        "'cheap'. For example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': "
        "'1546300800', 'value': 'cheap'}."
    ),
    "values comma": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: non-numeric value, such as "
        "'1,5'; set `decimal: \",\"` to read them as numbers. For example line 2 of ~/log.csv: "
        "{'user': 'a', 'item': 'x', 'time': '1546300800', 'value': '1,5'}."
    ),
    "values currency": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: non-numeric value, such as "
        "'$0.50'; set `currency: \"$\"` to read them as numbers. For example line 2 of "
        "~/log.csv: {'user': 'a', 'item': 'x', 'time': '1546300800', 'value': '$0.50'}."
    ),
    "values infinite": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: value out of range. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '1546300800', "
        "'value': '1e999'}."
    ),
    "values below": (
        "~/log.csv: none of 20 rows is left, 20 for: value below minimum. Check `where`, "
        "`since`, `until`, `event_weights`, `minimum_value` and `minimum_order`."
    ),
    "values missing": (
        "~/log.csv: none of 20 rows is left, 20 for: missing value. Check `where`, "
        "`since`, `until`, `event_weights`, `minimum_value` and `minimum_order`."
    ),
    "decimal equals thousands": (
        "shop.yaml:\n  data.log: `decimal` and `thousands` are both ',': change one"
    ),
    "events no weights": (
        "~/log.csv: event types without a weight: 'view' (20 rows). List each in "
        "`event_weights`, with 0 for those that are context only."
    ),
    "events unlisted": (
        "~/log.csv: event types without a weight: 'view' (20 rows). List each in "
        "`event_weights`, with 0 for those that are context only."
    ),
    "events all dropped": (
        "~/log.csv: none of 20 rows is left, 20 for: event type dropped. Check `where`, "
        "`since`, `until`, `event_weights`, `minimum_value` and `minimum_order`."
    ),
    "events weigh nothing": (
        "shop.yaml:\n  data.log: `event_weights` are all 0 or null: what may be recommended "
        "needs a weight above 0"
    ),
    "events negative": (
        "shop.yaml:\n  data.log.event_weights.view: Input should be greater than or equal to "
        "0, received -1"
    ),
    "events empty": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: empty event. For example "
        "line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '1546300800', 'event': "
        "None}."
    ),
    "split random with time": (
        "a random split of a log with a time or an order trains on every user's own future. "
        "Set `split: {kind: time}` or `split: {kind: leave_one_out}`, or leave `columns.time`"
        " and `columns.order` out, so that histories are sets"
    ),
    "split fixed no column": (
        "a fixed split needs a column with the part of each event: name it in "
        "`data.log.columns.split`"
    ),
    "split fixed values": (
        "~/log.csv: 20 of 20 rows cannot be used, 20 of them for: unlisted split value. For "
        "example line 2 of ~/log.csv: {'user': 'a', 'item': 'x', 'time': '1546300800', "
        "'split': 'part0'}. Use train, validation and test."
    ),
    "split fixed leaks": (
        "the split leaks: 13 training events are no earlier than held-out events of the same "
        "user, and 2 validation events no earlier than test events. Correct the split column "
        "(events of one time belong in one part), use `split: {kind: time}`, or accept it "
        "with `split: {kind: fixed, allow_future_training: true}`."
    ),
    "split time no time": (
        "a split by time needs a time column: name it in `data.log.columns.time`, or set "
        "`split: {kind: random}` for a log without order"
    ),
    "split cut after": (
        "the split time leaves no events of a weight above 0 for validation, test: choose "
        "other cuts (`validation_quantile`, `test_quantile`, or `validation_from` and "
        "`test_from`), or give more of the log"
    ),
    "split one from": (
        "shop.yaml:\n  data.split: give both `validation_from` and `test_from`, or none"
    ),
    "split quantiles swapped": (
        "shop.yaml:\n  data.split: `validation_quantile` must be below `test_quantile`"
    ),
    "leave one out short": (
        "the split leave_one_out leaves no events of a weight above 0 for validation, test: "
        "it needs users with events at three times or more"
    ),
    "minimum events": (
        "~/log.csv: no event is left: data.minimum_user_events is 100 (the most of one user: "
        "10). Lower them."
    ),
    "minimum items": (
        "~/log.csv: no event is left: data.minimum_item_events is 100 (the most of one item: "
        "6). Lower them."
    ),
    "where nothing": (
        "~/log.csv: none of 20 rows is left, 20 for: left out by where. Check `where`, "
        "`since`, `until`, `event_weights`, `minimum_value` and `minimum_order`."
    ),
    "where no column": (
        "~/log.csv: data.log.where: \"country = 'DE'\" is not a condition on the columns user, "
        "item, time: there is no column 'country'. Put text in single quotes"
    ),
    "where syntax": (
        "~/log.csv: data.log.where: \"item = = 'x'\" is not a condition on the columns user, "
        'item, time: Parser Error: syntax error at or near "="'
    ),
    "where statement": (
        "~/log.csv: data.log.where: '1=1; DROP TABLE log' is not a condition on the columns "
        'user, item, time: Parser Error: "1=1; DROP TABLE log" is not an expression list: it '
        "holds more than one statement"
    ),
    "where not yes no": (
        "~/log.csv: data.log.where gives VARCHAR, not yes or no; compare it, as in `quantity > 0`"
    ),
    "where reads file": (
        "~/log.csv: data.log.where: \"item IN (SELECT * FROM read_csv('/etc/passwd'))\" is not "
        "a condition on the columns user, item, time: a condition is about one row, by "
        "itself, and may hold no subquery: compare columns and values"
    ),
    "where conversion": (
        "~/log.csv: data.log.where cannot be computed for every row: Conversion Error: Could "
        "not convert string 'x' to INT32 when casting from source column item. Use `TRY_CAST`"
        " instead of `CAST` (and `TRY_STRPTIME`): values that do not fit are then missing, "
        "and count as no."
    ),
    "items empty": ("~/items.csv is empty: write it again, or name another one in `path`"),
    "items no key": ("~/items.csv has no column 'sku' (key). Its columns: id, brand, price"),
    "items no feature": (
        "~/items.csv has no column 'maker' (feature maker). Its columns: id, brand, price"
    ),
    "items numeric words": (
        "the item feature 'brand' is numeric, but none of its values is a number in range, "
        "for example 'a'. If it is text, set `kind: categorical`."
    ),
    "items other key": ("~/items.csv has no column 'id' (key). Its columns: sku, brand, price"),
    "items twice": (
        "~/items.csv: 1 item id has several rows: 'x' (2 rows, the first is row 1 of the "
        "table). Keep one row per id, or set `duplicates: first` or `duplicates: last`."
    ),
    "items vectors ragged": (
        "the item feature 'v' is a vector of mixed lengths: 1 row of 2, 1 row of 3. All rows "
        "need the same length, or no vector at all."
    ),
    "items vectors words": (
        "item feature 'v': 2 of 2 values hold something other than numbers, such as ['a', "
        "'b']. Mend them, or list in `null_values` the text that stands for a missing value; "
        "`max_unusable` (now 0.5) is the share that is accepted."
    ),
    "items images missing": (
        "the item feature 'v' holds pictures, but none of 1 can be read: 'nothing.png' (No "
        "such file or directory). Its column must hold paths of picture files, absolute or "
        "relative to ~."
    ),
    "items feature name": (
        "shop.yaml:\n  data.items.features: the feature name 'my brand' is used in file names "
        "and as an input of the exported model: use letters, digits and _, and name the "
        "column in `column`"
    ),
    "items feature kind": (
        "shop.yaml:\n  data.items.features.brand.kind: 'category' is not one of 'categorical',"
        " 'multivalued', 'text', 'numeric', 'vector', 'image'; did you mean 'categorical'?"
    ),
    "no such path": ("no file or folder ~/log.csv"),
    "path empty list": ("`path` is an empty list: name at least one file"),
    "role twice": (
        "shop.yaml:\n  data.log: the column 'user' has the roles `user` and `item`: each needs"
        " a column of its own"
    ),
    "no user role": ("shop.yaml:\n  data.log.columns.user: is needed"),
    "user empty": (
        "shop.yaml:\n  data.log.columns.user: fill in the column with the user, received ''"
    ),
    "unknown role": ("shop.yaml:\n  data.log.columns.itm: unknown key; did you mean 'item'?"),
    "quarantine above one": (
        "shop.yaml:\n  data.log.max_quarantined: Input should be less than or equal to 1, "
        "received 2"
    ),
    "delimiter long": (
        "shop.yaml:\n  data.log.delimiter: String should have at most 4 characters, received "
        "',,,,,'"
    ),
    "quote two": (
        "shop.yaml:\n  data.log.quote: String should have at most 1 character, received \"''\""
    ),
    "format unknown": (
        "shop.yaml:\n  data.log.format: Input should be 'csv', 'json', 'parquet', "
        "'delta' or 'iceberg', received 'xlsx'"
    ),
    "public unknown": (
        "no public data set 'movielens-9': there are movielens-100k, cdnow, complete-journey,"
        " digits-pictures; did you mean 'movielens-100k'?"
    ),
    "environment": (
        "the path '${NOT_SET_ANYWHERE}/log.csv' needs the environment variable "
        "NOT_SET_ANYWHERE, which is not set"
    ),
    "folder empty": (
        "the folder ~/EMPTY holds no CSV, JSON or Parquet file (endings known: .csv, .tsv, "
        ".txt, .dat, .json, .jsonl, .ndjson, .parquet, .pq, each also with .gz or .zst)"
    ),
    "limit above one": (
        "shop.yaml:\n  data.limits.repeated_rows: Input should be less than or equal to 1, "
        "received 2"
    ),
    "limit unknown": (
        "shop.yaml:\n  data.limits.repeated: unknown key; did you mean 'repeated_rows'?"
    ),
    "gzip truncated": (
        "~/log.csv.gz is a broken or truncated gzip file: Compressed file ended before the "
        "end-of-stream marker was reached. Copy it again."
    ),
    "gzip damaged": "~/log.csv.gz is a broken or truncated gzip file: CRC check failed",
    "zstd truncated": (
        "~/log.csv.zst is a broken or truncated zstd file: Truncated compressed stream. Copy "
        "it again."
    ),
    "json array object cut": (
        '~/log.json cannot be read: Invalid Input Error: Malformed JSON in file "~/log.json",'
    ),
    "json array cut after comma": (
        "~/log.json is a truncated JSON array: its `]` is missing. Copy it again."
    ),
    "json array cut after object": (
        '~/log.json cannot be read: Invalid Input Error: Malformed JSON in file "~/log.json",'
        " at byte 42 in record/value 4: unexpected character. Mend or remove the line."
    ),
    "json array then more": (
        '~/log.json cannot be read: Invalid Input Error: Malformed JSON in file "~/log.json",'
        " at byte 13 in record/value 5: unexpected character. Mend or remove the line."
    ),
    "jsonl gzip truncated": (
        "~/log.jsonl.gz is a broken or truncated gzip file: Compressed file ended before the "
        "end-of-stream marker was reached. Copy it again."
    ),
    "parquet damaged": (
        "~/log.parquet cannot be read: Invalid Input Error: Failed to read file "
        '"~/log.parquet": Snappy decompression failure The file is damaged: fetch or write it'
        " again."
    ),
}


def test_there_are_more_than_a_hundred():
    assert CASES.keys() == MESSAGES.keys() and len(CASES) > 100


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said(name, tmp_path):
    case = CASES[name]
    if case.content is not None:
        content = case.content.encode() if isinstance(case.content, str) else case.content
        (tmp_path / case.file).write_bytes(content)
    (tmp_path / "EMPTY").mkdir()
    log = {"path": case.file, "columns": COLUMNS, **case.log}
    if isinstance(log["path"], str) and "$" not in log["path"]:
        log["path"] = str(tmp_path / log["path"])
    data = {"log": log, "split": CUTS, **case.data}
    if case.items_csv is not None:
        (tmp_path / "items.csv").write_text(case.items_csv)
        data["items"] = {**data["items"], "path": str(tmp_path / "items.csv")}
    with pytest.raises(InputError) as refused:
        prepare(validated(_OfData, {"data": data}, "shop.yaml").data, tmp_path / "datasets")
    assert MESSAGES[name] in str(refused.value).replace(str(tmp_path), "~")
    assert not list((tmp_path / "datasets").glob("[0-9a-f]*"))
