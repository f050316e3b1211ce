import decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.sources.config import FileConfig
from recsys.data.sources.numbers import NumberFormat
from recsys.data.sources.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.tables.columns import as_numbers, read_columns, with_files


def test_ids_take_their_form_and_other_text_loses_its_blanks(tmp_path):
    file = tmp_path / "given.parquet"
    pd.DataFrame({"who": [17850.0, None, 3.0], "mail": [" a@b.org ", "", None]}).to_parquet(file)
    found = read_columns(
        FileConfig(path=str(file)), {"user": "who", "email": "mail", "phone": None}, ["user"]
    )
    assert found.to_dict("list") == {
        "user": ["17850", None, "3"],
        "email": ["a@b.org", None, None],
    }


def test_a_missing_column_is_named_with_the_nearest(tmp_path):
    file = tmp_path / "given.csv"
    file.write_text("custmer,mail\n1,a@b.org\n")
    with pytest.raises(InputError, match=r"no column 'customer' \(user\).*mean 'custmer'"):
        read_columns(FileConfig(path=str(file)), {"user": "customer"}, ["user"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("customer,mail\n1,a@b.org\n2\n", r"line 3 \(wrong number of cells\): '2'\..*Mend these"),
        ('customer,mail\n1,"a@b.org\n2,c@d.org\n', r"line 2 \(broken quotes\).*`quote: \"\"`"),
    ],
)
def test_a_table_of_which_each_line_counts_is_read_whole_or_not_at_all(tmp_path, content, told):
    """A line that cannot be read may be somebody who wants no mail."""
    file = tmp_path / "opted_out.csv"
    file.write_text(content)
    with pytest.raises(
        InputError,
        match=rf"opted_out\.csv: every line is needed, and 1 line cannot be read.*{told}",
    ):
        read_columns(FileConfig(path=str(file)), {"user": "customer"}, ["user"])


@pytest.mark.parametrize("text", ["many", "1,5", "inf", "nan"])
def test_what_is_no_finite_number_is_named(text):
    with pytest.raises(InputError, match=f"here: '{text}' in row 3 is not a number"):
        as_numbers(pd.Series(["1.5", None, text]), "here")


TIMES = {
    "2026-01-31": "2026-01-31T00:00:00Z",
    "2026-01-31T09:00:00+01:00": "2026-01-31T08:00:00Z",
    "1767225600": "2026-01-01T00:00:00Z",
}


def test_times_are_read_as_those_of_a_log(tmp_path):
    file = tmp_path / "given.csv"
    file.write_text("when\n" + "\n".join(TIMES))
    found = read_columns(FileConfig(path=str(file)), {"time": "when"}, [], TimeConfig())
    assert found["time"].tolist() == [pd.Timestamp(time) for time in TIMES.values()]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["2026-01-31", ""], "'when': None in row 2 .*1 of 2 rows.*every value is empty"),
        (["2026-01-31", "2199-01-01"], "'2199-01-01' in row 2 .*in the future"),
        (["20454", "20455"], "'20454' in row 1 is not a usable time .*`time_unit: days`"),
        (["1767225600", "1767225600000"], "'when' mixes units: 50 %"),
        (["01/31/2026 01:17 PM"], '`time_format: "%m/%d/%Y %I:%M %p"`'),
    ],
)
def test_times_that_cannot_be_are_refused(tmp_path, times, message):
    file = tmp_path / "given.parquet"
    pd.DataFrame({"when": times}).to_parquet(file)
    with pytest.raises(InputError, match=message):
        read_columns(FileConfig(path=str(file)), {"time": "when"}, [], TimeConfig())


LARGE = 76_900_000_000_000_001


@pytest.mark.parametrize(
    ("ids", "form"),
    [
        (pa.array([decimal.Decimal(LARGE), decimal.Decimal(LARGE + 1)]), [LARGE, LARGE + 1]),
        (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), [2**64 - 1, 2**64 - 2]),
        (pa.array(["\u00e9I003".encode(), b" I004\xe2\x80\x8b"]), ["\u00e9I003", "I004"]),
        (pa.array(["nan", None]), ["nan", None]),
    ],
    ids=["decimal", "uint64", "bytes", "words"],
)
def test_typed_ids_are_exact(tmp_path, ids, form):
    pq.write_table(pa.table({"who": ids}), tmp_path / "given.parquet")
    found = read_columns(
        FileConfig(path=str(tmp_path / "given.parquet")), {"user": "who"}, ["user"]
    )
    assert found["user"].tolist() == [one if one is None else str(one) for one in form]


def test_inexact_ids_are_refused(tmp_path):
    pd.DataFrame({"who": [float(LARGE)]}).to_parquet(tmp_path / "given.parquet")
    config = FileConfig(path=str(tmp_path / "given.parquet"))
    with pytest.raises(InputError, match=r"given\.parquet: the column 'who' holds ids as floating"):
        read_columns(config, {"user": "who"}, ["user"])


def test_words_for_missing_values_are_missing_in_text(tmp_path):
    (tmp_path / "given.csv").write_text("who,mail\nNULL,n/a\n\u00a07.0,Null\nNA,-\n")
    found = read_columns(
        FileConfig(path=str(tmp_path / "given.csv")), {"user": "who", "email": "mail"}, ["user"]
    )
    assert found.to_dict("list") == {"user": [None, "7", "NA"], "email": [None, "Null", None]}


def test_numbers_are_read_by_their_format():
    found = as_numbers(pd.Series(["1.100,50", None]), "here", NumberFormat(",", "."))
    assert found.tolist()[0] == 1100.5
    assert found.isnull().tolist() == [False, True]
    with pytest.raises(InputError, match=r"'\$3' in row 2 is not a number; set `currency: \"\$\"`"):
        as_numbers(pd.Series(["1", "$3"]), "here")


def test_what_no_file_matches_yet_is_left_out_and_named(tmp_path):
    (tmp_path / "here.csv").write_text("user\n1\n")
    here, there = str(tmp_path / "h*.csv"), str(tmp_path / "*" / "later.csv")
    assert with_files(FileConfig(path=here)) == (FileConfig(path=here), [])
    assert with_files(FileConfig(path=there)) == (None, [there])
    found, missing = with_files(FileConfig(path=[there, here]))
    assert (found.path, missing) == ([here], [there])
    # Without wildcards it is an error when it is read.
    gone = FileConfig(path=str(tmp_path / "gone.csv"))
    assert with_files(gone) == (gone, [])
    with pytest.raises(InputError, match=r"no file or folder .*gone.csv"):
        read_columns(gone, {"user": "user"}, ["user"])
    address = FileConfig(path="https://example.org/sent.csv?week=1")
    assert with_files(address) == (address, [])
