import pytest

from recsys.data.roles import guess_roles
from recsys.errors import InputError

LOGS = {
    "movielens": (
        "userId,movieId,rating,timestamp\n1,10,4,964982703\n2,11,3,964981247\n",
        {"user": "userId", "item": "movieId", "value": "rating", "time": "timestamp"},
        {},
    ),
    "recbole": (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3\t881250949\n",
        {"user": "user_id:token", "item": "item_id:token", "value": "rating:float",
         "time": "timestamp:float"},
        {},
    ),
    "retail": (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,LAMP,6,12/1/2010 8:26,2.55,17850.0,UK\n"
        "C536366,71053,MUG,-1,12/13/2010 8:28,3.39,17851.0,UK\n"
        "536367,71053,MUG,2,12/13/2010 8:28,3.39,17851.0,UK\n",
        {"user": "CustomerID", "item": "StockCode", "time": "InvoiceDate",
         "value": "UnitPrice", "quantity": "Quantity", "session": "InvoiceNo"},
        {"time_format": "%m/%d/%Y %H:%M", "minimum_value": 0.01},
    ),
    "amazon": (
        "reviewerID,asin,overall,summary,unixReviewTime,reviewTime\n"
        'A1,B1,5,good,1393545600,"02 28, 2014"\nA2,B2,1,bad,1393545601,"02 28, 2014"\n',
        {"user": "reviewerID", "item": "asin", "value": "overall", "time": "unixReviewTime"},
        {},
    ),
    "clicks": (
        "event_time,event_type,product_id,price,user_id,user_session\n"
        "2019-10-01 00:00:00 UTC,view,44600062,35.79,1,s1\n"
        "2019-10-01 00:00:01 UTC,purchase,3900821,33.2,2,s2\n",
        {"user": "user_id", "item": "product_id", "time": "event_time", "event": "event_type",
         "value": "price", "session": "user_session"},
        {"event_weights": {"view": 1.0, "purchase": 3.0}},
    ),
    "sessions": (
        "session_id,item_id,date,position\n1,10,2020-01-01,1\n2,11,2020-01-02,1\n",
        {"user": "session_id", "item": "item_id", "time": "date", "order": "position"},
        {},
    ),
    "fixed": (
        "user,item,split\n1,2,train\n1,3,test\n2,2,train\n",
        {"user": "user", "item": "item", "split": "split"},
        {},
    ),
    "titled": (
        "Sales of 2024\n# exported, by hand\nuser,item,time\n1,2,2020-01-01\n2,3,2020-01-02\n",
        {"user": "user", "item": "item", "time": "time"},
        {"skip": 2},
    ),
    "equal values in the first of the rows": (
        "7,7,3,881250949\n186,302,3,891717742\n",
        {"user": "column_1", "item": "column_2", "value": "column_3", "time": "column_4"},
        {"column_names": ["column_1", "column_2", "column_3", "column_4"]},
    ),
    "headerless": (
        "196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
        {"user": "column_1", "item": "column_2", "value": "column_3", "time": "column_4"},
        {"column_names": ["column_1", "column_2", "column_3", "column_4"]},
    ),
    "colons": (
        "1::1193::5::978300760\n2::661::3::978302109\n",
        {"user": "column_1", "item": "column_2", "value": "column_3", "time": "column_4"},
        {"column_names": ["column_1", "column_2", "column_3", "column_4"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_common_logs(write, name):
    text, roles, settings = LOGS[name]
    guess = guess_roles(str(write("log.csv", text)))
    assert guess.log.columns.model_dump(exclude_none=True) == roles
    found = guess.log.model_dump(exclude_defaults=True, exclude={"path", "columns"})
    assert found == settings
    assert set(guess.reasons) >= set(roles)


def test_money_rather_than_pieces(write):
    text = "user,item,quantity,sales_value\n1,2,3,4.5\n2,3,1,2.5\n"
    columns = guess_roles(str(write("log.csv", text))).log.columns
    assert (columns.value, columns.quantity) == ("sales_value", None)


def test_statistics(write):
    text = "user,item,time\na,x,0\na,y,86400\nb,x,1000000000\n,x,1000000000\nb,x,1000000000\n"
    text = text.replace(",0\n", ",999000000\n").replace(",86400\n", ",999086400\n")
    statistics = guess_roles(str(write("log.csv", text))).statistics
    assert (statistics.rows, statistics.unusable) == (5, 1)
    assert (statistics.users, statistics.items) == (2, 2)
    assert statistics.density == 0.75
    assert statistics.moments_per_user == 1.5
    assert (statistics.first, statistics.last) == ("2001-08-28T12:00:00Z", "2001-09-09T01:46:40Z")


def test_what_is_uncertain_is_said(write):
    text = "user,item,rating,price,date\n1,2,3,4.5,01/02/2020\n2,3,1,2.5,03/04/2020\n"
    notes = " ".join(guess_roles(str(write("log.csv", text))).notes)
    assert "value: took 'rating'; also possible: price" in notes
    assert "the day and the month could be either way round" in notes


def test_encoding_is_tried(write):
    guess = guess_roles(str(write("log.csv", "user,item\n1,café\n2,thé\n".encode("latin-1"))))
    assert guess.log.encoding == "latin-1"
    assert "latin-1 was tried" in guess.notes[0]


def test_a_log_without_items_is_told_what_it_is_good_for(write):
    text = "customer,date,dollars\n1,1997-01-01,11.77\n2,1997-01-12,12.00\n"
    with pytest.raises(
        InputError, match=r"looks like the item\. .*left out, for predictions about users only"
    ):
        guess_roles(str(write("log.csv", text)))


def test_no_guess_lists_the_columns(write):
    with pytest.raises(InputError, match=r"looks like the user or the item.*are: colour, size"):
        guess_roles(str(write("log.csv", "colour,size\nred,big\n")))
