"""What a file holds, by its ending and its content."""

import gzip

import pytest

from recsys.data.sources.files import find_files
from recsys.errors import InputError

CSV = "user,item\na,x\n"


@pytest.mark.parametrize(
    ("name", "content", "format", "compression"),
    [
        ("log.csv", CSV, "csv", "none"),
        ("log.tsv", CSV.replace(",", "\t"), "csv", "none"),
        ("u.data", CSV, "csv", "none"),
        ("log.csv.gz", CSV, "csv", "gzip"),
        ("log.jsonl", '{"user": 1}\n', "json", "none"),
        ("log.ndjson.gz", '{"user": 1}\n', "json", "gzip"),
        ("log.json", '[{"user": 1}]', "json", "none"),
        ("log", '{"user": 1}\n', "json", "none"),
        ("log.parquet", b"PAR1....PAR1", "parquet", "none"),
    ],
)
def test_format_by_ending_and_content(write, scratch, name, content, format, compression):
    files = find_files(str(write(name, content)), scratch)
    assert (files.format, files.compression) == (format, compression)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", b"", "is empty"),
        ("log.csv", b"  \n", "is empty"),
        ("log.csv", b"PAR1....PAR1", "is not CSV text, the format of its ending"),
        ("log.parquet", CSV, "is not Parquet, the format of its ending: it holds CSV"),
        ("log.jsonl", CSV, "is not JSON"),
        ("log.csv", '{"user": 1}\n', "it holds JSON"),
        ("log.csv", b"PK\x03\x04abc", "a ZIP archive or an Excel workbook"),
        ("log.csv", b"a\0b\0c", "is neither text nor Parquet"),
        ("log.parquet", b"PAR1......", "truncated Parquet"),
        ("log.csv", b"\xff\xfeu\0s\0", "encoding: utf-16"),
    ],
)
def test_file_that_is_not_what_it_seems(write, scratch, name, content, message):
    with pytest.raises(InputError, match=message):
        find_files(str(write(name, content)), scratch)


def test_ending_says_gzip_but_is_not(scratch, tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_text(CSV)
    with pytest.raises(InputError, match="stands for gzip compression, but the file is not gzip"):
        find_files(str(path), scratch)


def test_truncated_gzip(scratch, tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode() * 1000)[:20])
    with pytest.raises(InputError, match="truncated gzip"):
        find_files(str(path), scratch)


def test_mixed_formats_are_refused(write, scratch, tmp_path):
    write("log/a.csv", CSV)
    write("log/b.jsonl", '{"user": 1}\n')
    with pytest.raises(InputError, match="must have one format"):
        find_files(str(tmp_path / "log"), scratch)
    assert find_files(str(tmp_path / "log"), scratch, format="json").format == "json"
