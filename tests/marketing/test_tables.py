import pandas as pd
import pytest

from recsys.data.sources import FileConfig
from recsys.errors import InputError
from recsys.marketing.tables import as_numbers, read_columns


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
        InputError, match=rf"opted_out\.csv: each line counts, and 1 line cannot be read.*{told}"
    ):
        read_columns(FileConfig(path=str(file)), {"user": "customer"}, ["user"])


@pytest.mark.parametrize("text", ["many", "1,5", "inf", "nan"])
def test_what_is_no_finite_number_is_named(text):
    with pytest.raises(InputError, match=f"here: '{text}' in row 3 is no number"):
        as_numbers(pd.Series(["1.5", None, text]), "here")
