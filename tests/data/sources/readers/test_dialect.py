"""What the first lines of a CSV file show, and what they leave open."""

import pytest

from recsys.data.sources.config import FileConfig
from recsys.data.sources.read import locate
from recsys.data.sources.readers.dialect import lines_above
from recsys.data.sources.readers.text import text_files
from recsys.errors import InputError

ROWS = "user,item,time\na,x,1\nb,y,2\n"


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (ROWS, ("user", "item", "time")),
        (ROWS.replace(",", ";"), ("user", "item", "time")),
        (ROWS.replace(",", "\t"), ("user", "item", "time")),
        (ROWS.replace(",", "|"), ("user", "item", "time")),
        (ROWS.replace(",", "::"), ("user", "item", "time")),
        ("user;item;price\n" + "a;x;1,5\n" * 60, ("user", "item", "price")),
        ("user;item;price\n" + "a;x;1,5\n" * 60 + "a;x\n", ("user", "item", "price")),
        ("user\na\nb\n", ("user",)),
        (" user , item,time\na,x,1\n", ("user", "item", "time")),
        (",user,item\n0,a,x\n", ("column_1", "user", "item")),
        ("user,item,time,\na,x,1,\n", ("user", "item", "time", "column_4")),
        ("user,item,time,\na,x,1\n", ("user", "item", "time")),
        ("user,item\na,x,\nb,y,\n", ("user", "item")),
        ("\n\nuser,item\na,x\n", ("user", "item")),
        ('"user, all",item\na,x\n', ("user, all", "item")),
        ("user,item,title\n" + "a,x,\n" * 5, ("user", "item", "title")),
    ],
)
def test_columns(write, read, content, columns):
    assert read(write("log.csv", content)).columns == columns


TITLES = [
    ("Sales of 2024\n" + ROWS, 1),
    ("# exported 2024-01-31, by me\n" + ROWS, 1),
    ("Sales,,\n" + ROWS, 1),
    ("Sales\n\nof the shop, in 2024\n\n" + ROWS, 4),
]


@pytest.mark.parametrize(("content", "skip"), TITLES)
def test_a_title_above_the_header_is_told_with_what_helps(write, read, content, skip):
    path = write("log.csv", content)
    with pytest.raises(InputError, match=rf"line 1 .* the lines below have 3.*`skip: {skip}`"):
        read(path)
    found = read(path, skip=skip)
    assert (found.columns, len(found.rows)) == (("user", "item", "time"), 2)


@pytest.mark.parametrize(("content", "skip"), [*TITLES, (ROWS, 0), ("\n" + ROWS, 0)])
def test_lines_above_the_header_are_counted(write, tmp_path, content, skip):
    config = FileConfig(path=str(write("log.csv", content)))
    assert lines_above(text_files(locate(config, "log", tmp_path))[0], config) == skip


def test_a_remark_that_looks_like_a_header_is_told(write, read):
    path = write("log.csv", "# a,b,c\n" + ROWS)
    with pytest.raises(InputError, match=r"no column 'user' \(user\)\. .*`skip: 1`"):
        read(path, roles={"user": "user"})


def test_a_header_that_lacks_a_name_is_told_with_what_helps(write, read):
    path = write("log.csv", "user,item\n1,a,x\n2,b,y\n")
    with pytest.raises(InputError, match=r"has 2 cells, .* have 3\. .*`column_names`.*`skip: 1`"):
        read(path)
    named = read(path, column_names=["row", "user", "item"], skip=1)
    assert named.rows == [("1", "a", "x"), ("2", "b", "y")]


def test_delimiters_that_are_as_likely_are_asked_for(write, read):
    path = write("log.csv", "a;b,c;d\n1;2,3;4\n")
    with pytest.raises(InputError, match=r"',' \(2 columns\) or ';' \(3 columns\): set `delim"):
        read(path)
    assert read(path, delimiter=",").rows == [("1;2", "3;4")]


@pytest.mark.parametrize("header", ["a,b,a", "a,b, a", "a,b,A"])
def test_two_columns_of_one_name_are_refused(write, read, header):
    path = write("log.csv", header + "\n1,2,3\n")
    with pytest.raises(InputError, match=r"has 2 columns named 'a'.*`column_names`.*`skip: 1`"):
        read(path)
    assert read(path, column_names=["a", "b", "c"], skip=1).rows == [("1", "2", "3")]
    with pytest.raises(InputError, match="`column_names` has 2 columns named 'a'"):
        read(path, column_names=["a", "b", "a"], skip=1)


def test_one_column_of_several_names_asks_for_the_delimiter(write, read):
    path = write("log.csv", "user item\na x\n")
    with pytest.raises(InputError, match="one column only: set `delimiter`"):
        read(path, roles={"user": "user"})
