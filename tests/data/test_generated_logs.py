"""Any log is prepared or refused in one message; every row of it is an event or left out, once.

Each row has a number of its own as its value, which is sought among the events, the rows that were
left out and the lines that are not rows.
"""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from recsys.data.checks.check import check_dataset
from recsys.data.dataset import Dataset
from recsys.data.limits import LimitsConfig
from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.data.prepare.wanted import DROPPED, LEFT_OUT
from recsys.errors import InputError
from tests.generated import examples

COLUMNS = ("user", "item", "time", "event", "n")
ODD_IDS = [
    "", " ", "nan", "NULL", "1", "1.0", " 1 ", "A", "a", "é", "e\u0301", "\u200b", "a\u200bb", "0",
    "-7", "1e5", "99999999999999999999", "=1+1", "it's", "a,b", 'say "hi"', '"', "two\nlines",
    "\t", "x" * 300, "名前", "\U0001f600", "null", "a;b", "a|b", "..", "<b>", "$x", "None",
    "\ufeff",
]  # fmt: skip
ODD_TIMES = [
    "", "soon", "-1", "0", "99999999999", "2026-02-30", "2019-01-01", "2019-01-01T10:00:00Z",
    "1e9", "1546300800.5", "nan",
]  # fmt: skip
BROKEN = [
    "{n}", "a{n}", 'a,"b,1546300800,view,{n}', "a,b,1546300800,view,{n},more",
    '"a" b,"c,1546300800,view,{n}', 'a,b,1546300800,"view"x,{n}', "a,b,{n}",
]  # fmt: skip
USERS = st.sampled_from([*"abcdef"])
ITEMS = st.sampled_from([*"uvwxyz"])
TIMES = st.integers(1_546_300_800, 1_546_300_800 + 90 * 86_400).map(str)
EVENTS = st.sampled_from(["view", "buy", "view", ""])


def mostly(usual, odd):
    """Odd values among usual ones, in some of the logs."""
    return st.one_of(*[usual] * 12, st.sampled_from(odd))


ROWS = st.tuples(mostly(USERS, ODD_IDS), mostly(ITEMS, ODD_IDS), mostly(TIMES, ODD_TIMES), EVENTS)
PLAIN_ROWS = st.tuples(USERS, ITEMS, TIMES, EVENTS)
LOGS = st.one_of(
    st.lists(ROWS, max_size=60),
    *[st.lists(each, min_size=30, max_size=60) for each in (ROWS, PLAIN_ROWS)],
)
SPLITS = st.one_of(
    st.just({"kind": "time"}),
    st.just({"kind": "time", "validation_quantile": 0.5, "test_quantile": 0.7}),
    st.just({"kind": "time", "validation_from": "2019-02-01", "test_from": "2019-03-01"}),
    st.just({"kind": "leave_one_out"}),
    st.just({"kind": "random"}),
)
OPTIONS = st.fixed_dictionaries(
    {"split": SPLITS},
    optional={
        "repeats": st.sampled_from(["first", "last"]),
        "minimum_user_events": st.integers(1, 3),
        "minimum_item_events": st.integers(1, 3),
    },
)
LOG_OPTIONS = st.fixed_dictionaries(
    {"max_quarantined": st.sampled_from([1.0, 1.0, 1.0, 0.5, 0.1])},
    optional={
        "where": st.sampled_from(
            ["event = 'view'", "item <> 'u'", "TRUE", "n > '1005'", "no such"]
        ),
        "event_weights": st.sampled_from([{"view": 1, "buy": 2}, {"view": 1, "buy": None}]),
        "features": st.sampled_from([{"event": "categorical"}, {"time": "numeric"}]),
        "null_values": st.sampled_from([[], ["a", ""]]),
        "minimum_value": st.integers(0, 30),
        "time_unit": st.sampled_from(["seconds", "seconds", "seconds", "days"]),
        "quote": st.sampled_from(['"', '"', '"', "'", ""]),
    },
)


@st.composite
def csv_texts(draw: Any, rows: list[tuple[str, ...]], delimiter: str, broken_from: int) -> bytes:
    """Rows as CSV, with lines among them that are not rows."""
    style = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    broken = draw(st.dictionaries(st.integers(0, 60), st.sampled_from(BROKEN), max_size=3))
    blank = draw(st.sets(st.integers(0, 60), max_size=3))
    lines = []
    for place, row in enumerate([COLUMNS, *rows]):
        cells = io.StringIO()
        csv.writer(cells, delimiter=delimiter, lineterminator="", quoting=style).writerow(row)
        lines += [""] if place in blank else []
        # As the numbers of rows are, those of broken lines are their own.
        lines += [broken[place].format(n=broken_from + place)] if place and place in broken else []
        lines.append(cells.getvalue())
    text = ends.join(lines) + (ends if draw(st.booleans()) else "")
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    return (mark + text).encode("utf-8", "surrogatepass")


@st.composite
def logs(draw: Any) -> tuple[dict[str, bytes], set[int]]:
    """Files by name, and the numbers of their rows."""
    ending = draw(st.sampled_from(["csv", "csv", "csv", "jsonl", "parquet"]))
    delimiter = draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    files, numbers, first = {}, set(), 1000
    for file in range(draw(st.sampled_from([1, 1, 1, 2]))):
        rows = [(*row, str(first + place)) for place, row in enumerate(draw(LOGS))]
        first += len(rows)
        if ending == "csv":
            content = draw(csv_texts(rows, delimiter, 2000 + 500 * file))
        elif ending == "jsonl":
            objects = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
            odd = draw(st.sampled_from(["", "", "[1]", "{", '{"n": 1', "nonsense"]))
            content = "\n".join([*objects[:5], odd, *objects[5:]]).encode()
        else:
            columns = list(zip(*rows, strict=True)) or [[] for _ in COLUMNS]
            arrays = [pa.array(column, pa.string()) for column in columns]
            table, out = pa.table(arrays, names=list(COLUMNS)), io.BytesIO()
            pq.write_table(table, out)
            content = out.getvalue()
        files[f"{file}.{ending}"] = content
        numbers |= {int(row[-1]) for row in rows}
    return files, numbers


@examples(0.25)
@given(log=logs(), options=OPTIONS, log_options=LOG_OPTIONS)
def test_every_row_is_an_event_or_left_out_once(tmp_path_factory, log, options, log_options):
    files, numbers = log
    folder = tmp_path_factory.mktemp("generated") / "log"
    folder.mkdir()
    datasets = folder.parent / "datasets"
    for name, content in files.items():
        (folder / name).write_bytes(content)
    columns = {"user": "user", "item": "item", "value": "n", "event": "event", "time": "time"}
    if "event_weights" not in log_options:
        log_options = {**log_options, "event_weights": {"view": 1, "buy": 1}}
    if options["split"]["kind"] == "random":
        del columns["time"]
        log_options = {k: v for k, v in log_options.items() if k not in ("time_unit", "features")}
    section = {"path": str(folder), "columns": columns, **log_options}
    config = DataConfig.model_validate({"log": section, **options})
    try:
        dataset = prepare(config, datasets)
    except InputError as error:
        event(f"refused: {re.sub(r'[^ a-z]', '', str(error).rpartition('/')[2])[:50]}")
        assert 20 < len(str(error)) < 5000 and "Traceback" not in str(error)
        assert not list(datasets.glob("[0-9a-f]*"))
        return
    event("prepared")
    accounted(dataset, numbers, folder)
    check_dataset(dataset, LimitsConfig())
    assert prepare(config, datasets).fingerprint == dataset.fingerprint


def accounted(dataset: Dataset, numbers: set[int], folder: Path) -> None:
    """Nothing is lost, nothing is there twice, and what is left out is where it is said to be."""
    quality = dataset.manifest.quality
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    unwanted = sum(quality["quarantined"].get(reason, 0) for reason in (LEFT_OUT, DROPPED))
    removed = quality["repeats_collapsed"] + quality["removed_by_k_core"]
    assert quality["rows_read"] == dataset.events + len(kept) + unwanted + removed
    collapsed = quality["repeats_collapsed"] > 0  # the value of an event is a sum then
    values = [int(value) for value in dataset.array("event_values").tolist()]
    found = Counter(values if not collapsed else [])
    for row in kept:
        text = row["raw"] if row["raw"] is not None else row["value"]
        found.update(int(n) for n in re.findall(r"[12]\d{3}(?!\d)", text or ""))
        if row["line"] is not None and row["raw"] is not None:
            text = (folder / Path(row["file"]).name).read_bytes().decode("utf-8-sig")
            lines = re.split(r"\r\n|\n|\r", text)
            assert lines[row["line"] - 1] == row["raw"].split("\n")[0]
        assert Path(row["file"]).parent == folder and row["reason"]
    assert max(found.values(), default=1) == 1
    if not collapsed and not unwanted and not removed:
        of_rows = {n for n in found if n < 2000}
        assert of_rows == numbers


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n", "user,item,time,event,n", "\ufeff", "\x00"])
def test_logs_of_nothing(write, prepared, text):
    with pytest.raises(InputError):
        prepared(write("log.csv", text))
