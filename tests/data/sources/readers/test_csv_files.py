"""CSV files: every row comes through as it stands, every other line is kept aside."""

import csv
import io
import random

import pyarrow as pa
import pytest

from recsys.data.sources.readers import text
from recsys.data.sources.readers.source import BROKEN_QUOTES, CELLS, NOT_UTF8
from recsys.errors import InputError

HEADER = "user,item,title\n"


def rows(count, first=0):
    return [(f"U{i % 36:03d}", f"I{i % 40:03d}", "a title") for i in range(first, first + count)]


def plain(table):
    return "".join(",".join(row) + "\n" for row in table)


def quoted(table):
    return "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in table)


@pytest.mark.parametrize("write_rows", [plain, quoted])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"U009","I003","TV 32" new"', BROKEN_QUOTES),
        ('"U009","I003","TV 32', BROKEN_QUOTES),
        ('"U009","I003","TV 32""', BROKEN_QUOTES),
        ('"U009","I003,"TV 32"', BROKEN_QUOTES),
        ('U009,"I003,TV 32', BROKEN_QUOTES),
        ('"U009","I003"', CELLS),
        ('"U009","I003","a","b"', CELLS),
        ("U009", CELLS),
        ('"U009","I0\n03"', CELLS),
    ],
)
def test_a_broken_line_costs_itself_alone(write, read, write_rows, line, reason):
    """Whether or not quotes follow it that could close its own."""
    before, after = rows(700), rows(740)
    path = write("log.csv", HEADER + write_rows(before) + line + "\n" + write_rows(after))
    found = read(path)
    assert found.rows == before + after
    assert found.rejected == [("log.csv", 702, line, reason)]


def test_a_quote_that_closes_by_chance_does_not_swallow_rows(write, read):
    before, inside, after = rows(700), rows(5), rows(40)
    text_ = HEADER + plain(before) + 'U009,I003,"TV 32\n' + plain(inside)
    found = read(write("log.csv", text_ + 'U001,I001,TV 40"\n' + plain(after)))
    assert found.rows == [*before, *inside, ("U001", "I001", 'TV 40"'), *after]
    assert found.rejected == [("log.csv", 702, 'U009,I003,"TV 32', BROKEN_QUOTES)]


def test_quotes_that_are_never_closed_again_and_again(write, read):
    """The engine loses what follows such a quote, if nothing closes it up to the file's end."""
    some = rows(3)
    text_ = HEADER + "".join(plain(some) + f'U009,I{n},"open\n' for n in range(4)) + plain(some)
    found = read(write("log.csv", text_))
    assert found.rows == some * 5
    assert [line for _, line, _, _ in found.rejected] == [5, 9, 13, 17]


@pytest.mark.parametrize(
    ("late", "row"),
    [
        (quoted([("U1", "I1", "x")]), ("U1", "I1", "x")),
        ('U1,I1,"a, b"\n', ("U1", "I1", "a, b")),
        ('U1,I1,"a\nb, c\n\nd"\n', ("U1", "I1", "a\nb, c\n\nd")),
        ('U1,I1,"say ""hi"""\n', ("U1", "I1", 'say "hi"')),
        ('U1,I1, "a, b" \n', ("U1", "I1", "a, b")),
        ('U1,I1,32" wide\n', ("U1", "I1", '32" wide')),
    ],
)
def test_what_comes_late_is_read_as_what_comes_early(write, read, late, row):
    """Beyond the 20,480 rows that DuckDB would look at."""
    early = rows(20_900)
    for table in (early, early[:3]):
        found = read(write("log.csv", HEADER + plain(table) + late + plain(early[:600])))
        assert found.rows == [*table, row, *early[:600]]
        assert found.rejected == []


def test_prose_over_several_lines_is_no_swallowed_row(write, read):
    """Lines of a text may have as many commas as a row, in a file that is right."""
    review = "Nice.\nGreen, cheap, solid\nbig, red, round\nI like it"
    path = write("items.csv", f'id,name,text\n7,Chair,"{review}"\n8,Lamp,fine\n')
    found = read(path)
    assert found.rows == [("7", "Chair", review), ("8", "Lamp", "fine")]
    assert found.rejected == []


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_ragged_rows_of_several_files_are_named(write, read, tmp_path, name):
    write(f"log/1-{name}", "a,b\n1,2\n3\n")
    write(f"log/2-{name}", 'b,a\n5,"4"\n\n"x"y,6\n7,8,9\n')
    found = read(tmp_path / "log")
    assert found.rows == [("1", "2"), ("4", "5")]
    assert found.rejected == [
        (f"1-{name}", 3, "3", CELLS),
        (f"2-{name}", 4, '"x"y,6', BROKEN_QUOTES),
        (f"2-{name}", 5, "7,8,9", CELLS),
    ]


@pytest.mark.parametrize(
    "ends", [("\n",), ("\r\n",), ("\r",), ("\n", "\r\n"), ("\n", "\r"), ("\r\n", "\r", "\n")]
)
@pytest.mark.parametrize("bad", ["", "x\n"])
def test_line_ends_of_every_kind(write, read, ends, bad):
    lines = (HEADER + plain(rows(5)) + bad + quoted(rows(4))).splitlines()
    content = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines))
    found = read(write("log.csv", content))
    assert found.rows == rows(5) + rows(4)
    assert [line for _, line, _, _ in found.rejected] == ([7] if bad else [])


@pytest.mark.parametrize("bad", ["", "x\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_cell(write, read, bad):
    found = read(write("log.csv", "\ufeff" + quoted([("user", "item")]) + "a,b\n" + bad))
    assert (found.columns, found.rows) == (("user", "item"), [("a", "b")])
    headerless = write("bare.csv", "\ufeff" + quoted([("a", "b")]) + bad)
    assert read(headerless, column_names=["u", "i"]).rows == [("a", "b")]


@pytest.mark.parametrize(
    ("content", "settings", "expected"),
    [
        ("u,i\n'a,x','it''s'\n", {"quote": "'"}, [("a,x", "it's")]),
        ('u,i\n"a",b"\n"c,d\n', {"quote": ""}, [('"a"', 'b"'), ('"c', "d")]),
        ('u,i\n"a\\"x","c\\\\"\n"q","a,\n\\"b"\n', {"escape": "\\"},
         [('a"x', "c\\"), ("q", 'a,\n"b')]),
        ("u~i\na~b\n", {"delimiter": "~"}, [("a", "b")]),
        ("x\n\ny,z,w\nu,i\na,b\n", {"skip": 3}, [("a", "b")]),
        ('"x\nu,i\na,"b"\n', {"skip": 1}, [("a", "b")]),
        ("old,names\na,b\n", {"skip": 1, "column_names": ["u", "i"]}, [("a", "b")]),
        ('"u\nv",i\na,"b"\n', {}, [("a", "b")]),
        ("u,i\na,b\n   \n\nc,d\n\n", {}, [("a", "b"), ("c", "d")]),
        ('u,i\na,"b"\n\n\nc,d\n\n', {}, [("a", "b"), ("c", "d")]),
        ("u,i\na,b,\nc,d\n", {}, [("a", "b"), ("c", "d")]),
        ("u,i,\na,b\nc,d\n", {}, [("a", "b"), ("c", "d")]),
        ("u,i\n,\"\"\nNULL,nan\n", {"null_values": []}, [(None, None), ("NULL", "nan")]),
    ],
)  # fmt: skip
def test_dialects(write, read, content, settings, expected):
    found = read(write("log.csv", content), **settings)
    assert found.rows == expected
    assert found.rejected == []


def test_a_file_of_another_encoding_is_refused_and_a_line_of_one_kept_aside(write, read):
    latin = write("latin.csv", "u,i\na,b\ncafé,x\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin.csv: line 3 is not UTF-8 .*encoding: cp1252"):
        read(latin)
    assert read(latin, encoding="latin-1").rows == [("a", "b"), ("café", "x")]
    mixed = write("mixed.csv", "u,i\né,b\n".encode() + "café,x\n".encode("latin-1"))
    found = read(mixed)
    assert found.rows == [("é", "b")]
    assert found.rejected == [("mixed.csv", 3, "caf\ufffd,x", NOT_UTF8)]


def test_compressed_text_of_another_encoding(write, read):
    text_ = pa.compress("u,i\ncafé,x\ny\n".encode("utf-16"), codec="zstd", asbytes=True)
    found = read(write("log.csv.zst", text_), encoding="utf-16")
    assert found.rows == [("café", "x")]
    assert found.rejected == [("log.csv.zst", 3, "y", CELLS)]


def test_only_the_columns_that_are_needed_are_read(write, read):
    path = write("log.csv", "user,item,title\na,x,t\nb\n")
    found = read(path, roles={"user": "user", "item": " item "})
    assert (found.columns, found.rows) == (("user", "item"), [("a", "x")])
    assert found.rejected == [("log.csv", 3, "b", CELLS)]


def test_a_file_without_a_header_among_others_is_refused(write, read, tmp_path):
    write("log/1.csv", "user,item,time\na,x,1\n")
    write("log/2.csv", "c,z,3\nd,w,4\n")
    with pytest.raises(InputError, match=r"2\.csv lacks the column 'user', .* add one"):
        read(tmp_path / "log", roles={"user": "user"})


def test_all_kinds_of_lines_in_any_order(write, read, monkeypatch):
    """Random files, whose rows are known from Python's own writer; in blocks of any size."""
    broken = [
        ("U5,I5", CELLS), ("U5,I5,a,b", CELLS), ("U5", CELLS), ('"U5","I5","a" b"', BROKEN_QUOTES),
        ('U5,I5,"open', BROKEN_QUOTES), ('"U5","I5","a""', BROKEN_QUOTES),
        ('"U5,I5,a', BROKEN_QUOTES), ('"U5","I,5,"x"', BROKEN_QUOTES),
    ]  # fmt: skip
    for seed in range(12):
        draw = random.Random(seed)
        monkeypatch.setattr(text, "BLOCK", draw.choice([64, 1000, 1 << 22]))
        style = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
        table, rejected, line = [], [], 2
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n", quoting=style)
        out.write(HEADER)
        for number in range(200):
            if draw.random() < 0.05:
                bad, reason = draw.choice(broken)
                out.write(bad + "\n")
                rejected.append(("log.csv", line, bad, reason))
                line += 1
            title = draw.choice(["plain", "a, b", 'say "hi"', "two\nlines", "a\n\nb, c, d\n", "é"])
            row = (f"U{draw.randrange(99)}", f"I{draw.randrange(99)}", f"{title}{number}")
            writer.writerow(row)
            table.append(row)
            line += 1 + row[2].count("\n")
        found = read(write("log.csv", out.getvalue()))
        assert found.rows == table
        assert found.rejected == rejected
