"""Every row of a log has a file, and in text files a line, that it is found at."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.sources.readers import csv_lines, text
from recsys.data.sources.readers.source import BROKEN_QUOTES, CELLS, TOO_LONG
from tests.data.conftest import COLUMNS, SMALL_LOG

GOOD = SMALL_LOG.splitlines()[1:]
BAD = ",x,1"  # a row without a user


def accounted(dataset, lines):
    """The (file, line, reason) of what was left out, and that all rows are events or left out."""
    quality = dataset.manifest.quality
    kept = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
    assert quality["rows_read"] == lines == dataset.events + len(kept)
    assert sum(quality["quarantined"].values()) == len(kept)
    return [(row["file"].rpartition("/")[2], row["line"], row["reason"]) for row in kept]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("ragged", [False, True])
def test_lines_of_rows_in_files_of_every_kind(write, prepared, monkeypatch, quoted, ends, ragged):
    """With empty lines, with quotes, with lines that are not rows; in blocks of any size."""
    monkeypatch.setattr(text, "BLOCK", 64)
    lines = ["", "user,item,time", "", BAD, *GOOD[:3], "", "", *GOOD[3:], BAD, BAD, "", ""]
    if quoted:
        lines = [
            ",".join(f'"{cell}"' for cell in line.split(",")) if line else "" for line in lines
        ]
    expected = [("log.csv", line, "empty user") for line in (4, 17, 18)]
    if ragged:
        lines.insert(9, "a,x")
        expected = [("log.csv", line, "empty user") for line in (4, 18, 19)]
        expected.append(("log.csv", 10, CELLS))
    dataset = prepared(write("log.csv", ends.join(lines)))
    assert accounted(dataset, 13 + ragged) == expected


def test_lines_after_rows_that_span_several(write, prepared):
    titled = [f'{line},"a title"' for line in GOOD]
    titled[2] = f'{GOOD[2]},"two\n\nparagraphs"'
    titled[5] = f'{GOOD[5]},"two\nlines"'
    lines = ["user,item,time,title", *titled[:4], f"{BAD},t", *titled[4:], f"{BAD},t", ""]
    dataset = prepared(write("log.csv", "\n".join(lines)), log={"where": "title <> ''"})
    assert accounted(dataset, 12) == [("log.csv", line, "empty user") for line in (8, 16)]
    (note,) = [note for note in dataset.manifest.quality["notes"] if "several lines" in note]
    assert note.startswith(
        "rows over several lines, of quoted cells with line breaks: 2, the longe"
    )
    assert "from line 4 to 6 of " in note


def test_rows_and_lines_count_in_their_own_file(write, prepared, tmp_path):
    header = "user,item,time"
    write("log/1.csv", "\n".join([header, *GOOD[:5], BAD]))
    write("log/2.csv", "\n".join([header, BAD, "a", *GOOD[5:]]))
    dataset = prepared(tmp_path / "log")
    found = accounted(dataset, 13)
    assert found == [("1.csv", 7, "empty user"), ("2.csv", 2, "empty user"), ("2.csv", 3, CELLS)]
    rows = pq.read_table(dataset.path / "quarantine.parquet")["row"].to_pylist()
    assert rows == [6, 1, None]


@pytest.mark.parametrize("late", ["not an object", ""])
def test_lines_of_json(write, prepared, late):
    rows = [dict(zip(COLUMNS, line.split(","), strict=True)) for line in [*GOOD, BAD]]
    lines = [json.dumps(row) for row in rows]
    expected = [("log.jsonl", 12 if late == "" else 11, "empty user")]
    if late:
        expected.append(("log.jsonl", 12, "not a JSON object"))
    lines.insert(11 if late else 5, late)
    dataset = prepared(write("log.jsonl", "\n".join(lines) + "\n"))
    assert accounted(dataset, 11 + bool(late)) == expected


def test_rows_without_lines_have_a_file_and_a_number(write, prepared, tmp_path):
    rows = [dict(zip(COLUMNS, line.split(","), strict=True)) for line in [*GOOD, BAD]]
    (tmp_path / "log").mkdir()
    for number, part in enumerate((rows[:3], rows[3:])):
        pq.write_table(pa.Table.from_pylist(part), tmp_path / "log" / f"{number}.parquet")
    for path in (tmp_path / "log", write("log.json", json.dumps(rows))):
        dataset = prepared(path)
        assert accounted(dataset, 11)[0][1:] == (None, "empty user")
        (row,) = pq.read_table(dataset.path / "quarantine.parquet").to_pylist()
        expected = ("1.parquet", 8) if path.is_dir() else ("log.json", 11)
        assert (row["file"].rpartition("/")[2], row["row"]) == expected


def test_rows_that_are_too_long_cost_themselves_alone(write, prepared, monkeypatch):
    """The engine reads no line beyond a length that it is told."""
    monkeypatch.setattr(csv_lines, "LONGEST", 1000)
    monkeypatch.setattr("recsys.data.sources.readers.csv_files.LONGEST", 1000)
    long = f"a,{'x' * 2000},100"
    quoted = f'a,"{"x" * 990},\n,{"x" * 20}",100'
    header = "user,item,time"
    dataset = prepared(write("log.csv", "\n".join([header, *GOOD, long, BAD, ""])))
    assert accounted(dataset, 12) == [("log.csv", 13, "empty user"), ("log.csv", 12, TOO_LONG)]
    dataset = prepared(write("log.csv", "\n".join([header, *GOOD, quoted, BAD, ""])))
    assert accounted(dataset, 12) == [("log.csv", 14, "empty user"), ("log.csv", 12, TOO_LONG)]


def test_a_quote_that_is_never_closed_costs_its_line(write, prepared):
    """Whether it stands in the middle or begins the last line, and whatever follows it."""
    open_ = 'a,"x,100'
    for place in (0, 5, 10):
        lines = ["user,item,time", *GOOD]
        lines.insert(place + 1, open_)
        dataset = prepared(write("log.csv", "\n".join([*lines, ""])))
        assert accounted(dataset, 11) == [("log.csv", place + 2, BROKEN_QUOTES)]
