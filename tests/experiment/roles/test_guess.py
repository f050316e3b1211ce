import pytest

from recsys.errors import InputError
from recsys.experiment.roles.guess import guess_roles

LOGS = {
    "movielens": (
        "userId,movieId,rating,timestamp\n1,10,4,964982703\n2,11,3,964981247\n2,10,3,964981248\n",
        {"user": "userId", "item": "movieId", "value": "rating", "time": "timestamp"},
        {},
    ),
    "recbole": (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3\t881250949\n"
        "1\t3\t3\t881250950\n2\t3\t3\t881250951\n",
        {"user": "user_id:token", "item": "item_id:token", "value": "rating:float",
         "time": "timestamp:float"},
        {},
    ),
    "retail": (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,LAMP,6,12/1/2010 8:26,2.55,17850.0,UK\n"
        "C536366,71053,MUG,-1,12/13/2010 8:28,3.39,17851.0,UK\n"
        "536367,71053,MUG,2,12/14/2010 8:28,3.39,17851.0,UK\n"
        "536368,71053,MUG,2,12/15/2010 8:28,3.39,17850.0,UK\n",
        {"user": "CustomerID", "item": "StockCode", "time": "InvoiceDate",
         "value": "UnitPrice", "quantity": "Quantity", "session": "InvoiceNo"},
        {"time_format": "%m/%d/%Y %H:%M", "minimum_value": 0.01},
    ),
    "amazon": (
        "reviewerID,asin,overall,summary,unixReviewTime,reviewTime\n"
        'A1,B1,5,good,1393545600,"02 28, 2014"\nA2,B2,1,bad,1393545601,"02 28, 2014"\n'
        'A2,B1,1,bad,1393545602,"02 28, 2014"\n',
        {"user": "reviewerID", "item": "asin", "value": "overall", "time": "unixReviewTime"},
        {},
    ),
    "clicks": (
        "event_time,event_type,product_id,price,user_id,user_session\n"
        "2019-10-01 00:00:00 UTC,view,44600062,35.79,1,s1\n"
        "2019-10-01 00:00:01 UTC,purchase,3900821,33.2,2,s2\n"
        "2019-10-01 00:00:02 UTC,view,3900821,33.2,1,s1\n",
        {"user": "user_id", "item": "product_id", "time": "event_time", "event": "event_type",
         "value": "price", "session": "user_session"},
        {"event_weights": {"view": 1.0, "purchase": 3.0}},
    ),
    "sessions": (
        "session_id,item_id,date,position\n1,10,2020-01-01,1\n2,11,2020-01-02,1\n1,11,2020-01-03,2\n",
        {"user": "session_id", "item": "item_id", "time": "date", "order": "position"},
        {},
    ),
    "fixed": (
        "user,item,split\n1,2,train\n1,3,test\n2,2,train\n",
        {"user": "user", "item": "item", "split": "split"},
        {},
    ),
    "titled": (
        "Sales of 2024\n# exported, by hand\nuser,item,time\n1,2,2020-01-01\n2,3,2020-01-02\n"
        "1,3,2020-01-03\n",
        {"user": "user", "item": "item", "time": "time"},
        {"skip": 2},
    ),
    "equal values in the first of the rows": (
        "7,7,3,881250949\n186,302,3,891717742\n186,7,3,891717743\n",
        {"user": "column_1", "item": "column_2", "value": "column_3", "time": "column_4"},
        {"column_names": ["column_1", "column_2", "column_3", "column_4"]},
    ),
    "headerless": (
        "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t302\t3\t891717743\n",
        {"user": "column_1", "item": "column_2", "value": "column_3", "time": "column_4"},
        {"column_names": ["column_1", "column_2", "column_3", "column_4"]},
    ),
    "colons": (
        "1::1193::5::978300760\n2::661::3::978302109\n2::1193::3::978302110\n",
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
    assert (statistics.rows, sum(statistics.unusable.values())) == (5, 1)
    assert (statistics.users, statistics.items) == (2, 2)
    assert statistics.density == 0.75
    assert (statistics.groups_per_user, statistics.in_baskets) == (1.5, 0.0)
    assert (statistics.first, statistics.last) == ("2001-08-28T12:00:00Z", "2001-09-09T01:46:40Z")


def test_the_share_of_baskets(write):
    # a's first basket holds x and y, the second x twice, which is one item.
    events = ("x,2020-01-01", "y,2020-01-01", "x,2020-01-02", "x,2020-01-02", "z,2020-01-03")
    text = "\n".join(["user,item,time", *(f"a,{event}" for event in events)])
    statistics = guess_roles(str(write("log.csv", text))).statistics
    assert (statistics.groups_per_user, statistics.in_baskets) == (3.0, 0.5)


def test_what_is_uncertain_is_said(write):
    rows = ("1,2,3,4.5,01/02/2020", "2,3,1,2.5,03/04/2020", "2,2,1,2.5,05/04/2020")
    text = "\n".join(["user,item,rating,price,date", *rows])
    notes = " ".join(guess_roles(str(write("log.csv", text))).notes)
    assert "value: took 'rating'; also possible: price" in notes
    assert "the day and the month could be either way round" in notes


ENCODED = [
    ("cp1252", "user,item\n1,café\n2,thé\n"),
    ("cp1252", "user,item,city\n1,a,Köln\n2,b,Nürnberg\n2,b,Großröhrsdorf\n"),
    ("gb18030", "用户ID,商品\n1,茶叶\n2,咖啡\n"),
    ("utf-16", "user,item\n1,café\n2,茶\n"),
]


@pytest.mark.parametrize(("encoding", "text"), ENCODED)
def test_encodings_are_tried(write, encoding, text):
    guess = guess_roles(str(write("log.csv", text.encode(encoding))))
    assert guess.log.encoding == encoding
    assert f"{encoding} was taken" in guess.notes[0]
    assert set(guess.roles) == {"user", "item"}


def test_windows_letters_are_read_and_what_windows_has_not_as_latin_1(write):
    lines = "".join(f"{n};{n % 3};{n},50 €\n" for n in range(20))
    guess = guess_roles(str(write("log.csv", f"user;item;price\n{lines}".encode("cp1252"))))
    assert guess.settings["encoding"] == "cp1252" and guess.settings["currency"] == "€"
    guess = guess_roles(str(write("log.csv", b"user,item\n1,caf\xe9\n2,\x81 x\n")))
    assert guess.log.encoding == "latin-1"


def test_an_encoding_that_is_named_is_taken_at_its_word(write):
    path = str(write("log.csv", "user,item\n1,café\n".encode("latin-1")))
    assert guess_roles(path, reading={"encoding": "cp1252"}).log.encoding == "cp1252"
    with pytest.raises(InputError, match="encoding"):
        guess_roles(path, reading={"encoding": "klingon"})


def rows(*columns: list, header: str) -> str:
    """CSV of columns."""
    return "\n".join([header, *(",".join(map(str, row)) for row in zip(*columns, strict=True))])


USERS = [f"u{n // 4}" for n in range(24)]
ITEMS = [f"i{n % 5}" for n in range(24)]
TIMES = [1_600_000_000 + 90_000 * n for n in range(24)]
BASKETS = [n % 4 // 2 + 1 for n in range(24)]


@pytest.mark.parametrize(
    ("times", "taken", "note"),
    [
        ([0 if n % 8 == 0 else t for n, t in enumerate(TIMES)], "time",
         "rows whose time cannot be used are left out: 12 % of the values are 0 or less"),
        ([t * 1000 if n % 5 < 2 else t for n, t in enumerate(TIMES)], None,
         "'time' was not taken: the time column mixes units"),
        ([1_600_000_000 + n % 2 for n in range(24)], None,
         "'time' was not taken: it has fewer than three different values"),
    ],
)  # fmt: skip
def test_why_a_time_is_not_taken_or_not_all_of_it(write, times, taken, note):
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, times, header="user,item,time"))))
    assert guess.roles.get("time") == taken
    assert note in " ".join(guess.notes)
    assert guess.statistics.split == ({"kind": "time"} if taken else {"kind": "random"})


def test_a_time_is_found_by_what_it_holds(write):
    text = rows(USERS, ITEMS, TIMES, range(24), header="user,item,t0,n")
    guess = guess_roles(str(write("log.csv", text)))
    assert guess.roles["time"] == "t0"
    assert "time: took 't0', as its values look like times" in guess.notes


def test_a_time_that_counts_from_a_start_of_its_own_is_an_order(write):
    days = [n % 4 + 1 for n in range(24)]
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, days, header="user,item,DAY"))))
    assert guess.roles == {"user": "user", "item": "item", "order": "DAY"}
    assert "counts from a start of its own" in guess.notes[0]
    assert guess.statistics.split == {"kind": "leave_one_out"}


def test_order_numbers_are_told_from_ids_of_orders(write):
    visits = [n % 4 + 1 for n in range(24)]
    header = "user,item,order_number"
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, visits, header=header))))
    assert guess.roles["order"] == "order_number"
    ids = [7000 + 3 * (n // 2) for n in range(24)]
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, ids, header=header))))
    assert guess.roles == {"user": "user", "item": "item", "session": "order_number"}


def test_an_order_is_found_by_what_it_holds(write):
    users = [f"u{n // 12}" for n in range(48)]
    items = [f"i{n % 7}" for n in range(48)]
    place, stars = [n % 12 for n in range(48)], [n % 5 + 1 for n in range(48)]
    header = "user,item,stars_given,nth"
    guess = guess_roles(str(write("log.csv", rows(users, items, stars, place, header=header))))
    assert guess.roles == {"user": "user", "item": "item", "order": "nth"}


def test_a_user_with_one_event_each_is_doubted(write):
    alone = [f"c{n}" for n in range(24)]
    header = "customer_id,user_name,item,time"
    path = write("log.csv", rows(alone, USERS, ITEMS, TIMES, header=header))
    guess = guess_roles(str(path))
    assert guess.roles["user"] == "user_name"
    assert "took 'user_name', as nearly every 'customer_id' has one row only" in guess.notes[1]
    header = "customer_id,shop,item,time"
    path = write("log.csv", rows(alone, USERS, ITEMS, TIMES, header=header))
    guess = guess_roles(str(path))
    assert guess.roles["user"] == "customer_id"
    assert "nearly every 'customer_id' has one row only" in guess.notes[0]
    assert "columns that repeat: shop" in guess.notes[0]


@pytest.mark.parametrize(
    ("header", "columns", "share"),
    [
        ("user,item,time", ([*"aaaabbbb"], [*"xyxyxxyz"], TIMES[:8]), 3 / 8),
        # Twice on one day is once.
        ("user,item,time", ([*"aaabbb"], [*"xxxyyz"], [TIMES[0]] * 3 + [*TIMES[:2], TIMES[2]]),
         1 - 3 / 4),
        ("user,item,order_number", ([*"aaaabbbb"], [*"xyxyxxyz"], [1, 1, 2, 3] * 2), 2 / 7),
        ("user,item", ([*"aaaabb"], [*"xyxyxx"]), 3 / 6),
    ],
)  # fmt: skip
def test_how_much_is_done_again_on_another_day(write, header, columns, share):
    guess = guess_roles(str(write("log.csv", rows(*columns, header=header))))
    assert guess.statistics.repeats == pytest.approx(share)


def test_records_are_read_by_dotted_path(write):
    records = [
        {"ts": time, "event": {"type": "view", "item": {"id": item}}, "user": {"id": user[1:]},
         "tags": ["a"]}
        for user, item, time in zip(USERS, ITEMS, TIMES, strict=True)
    ]  # fmt: skip
    guess = guess_roles(str(write("log.jsonl", records)))
    assert guess.columns == ("ts", "event.type", "event.item.id", "user.id")
    assert guess.roles == {
        "user": "user.id", "item": "event.item.id", "time": "ts", "event": "event.type",
    }  # fmt: skip
    assert (guess.statistics.users, guess.statistics.items) == (6, 5)


def test_numbers_as_they_are_written(write):
    prices = [f'"{n},50"' for n in range(24)]
    header = "user,item,time,price"
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, TIMES, prices, header=header))))
    assert guess.roles["value"] == "price"
    assert guess.log.decimal == ","


def test_lines_above_the_header_are_skipped(write):
    text = "# exported 2026-01-01\n" + rows(USERS, ITEMS, TIMES, header="user,item,time")
    guess = guess_roles(str(write("log.csv", text)))
    assert guess.log.skip == 1
    assert guess.roles == {"user": "user", "item": "item", "time": "time"}


def test_a_split_that_is_not_ours_is_named(write):
    evals = ["prior" if n % 4 else "train" for n in range(24)]
    header = "user,item,time,eval_set"
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, TIMES, evals, header=header))))
    assert "split" not in guess.roles
    assert "split: 'eval_set' was not taken: it holds prior, too" in guess.notes


def test_rows_that_cannot_be_used_are_borne(write):
    users = ["" if n % 4 else user for n, user in enumerate(USERS)]
    guess = guess_roles(str(write("log.csv", rows(users, ITEMS, TIMES, header="user,item,time"))))
    assert guess.log.max_quarantined == 0.75
    assert "18 of 24 rows cannot be used" in guess.notes[0]


def test_what_nothing_tells_is_left_blank(write):
    guess = guess_roles(str(write("log.csv", rows(USERS, ITEMS, TIMES, header="who,what,time"))))
    assert guess.roles == {"time": "time"}
    assert guess.blanks == {"user": ("who", "what"), "item": ("who", "what")}
    assert guess.statistics is None and guess.rows == 24
    with pytest.raises(ValueError, match="user"):
        _ = guess.log


def test_a_log_without_items_leaves_them_blank(write):
    text = rows(USERS, TIMES, range(24), header="customer,date,dollars")
    guess = guess_roles(str(write("log.csv", text)))
    assert guess.roles == {"user": "customer", "time": "date"}
    assert guess.blanks == {"item": ("dollars",)}


def test_roles_that_are_named(write):
    header = "who,what,time,place,price"
    path = write("log.csv", rows(USERS, ITEMS, TIMES, BASKETS, ["1,5"] * 24, header=header)
                 .replace("1,5", '"1,5"'))  # fmt: skip
    given = {"user": "who", "item": "what", "order": "place", "value": "price"}
    guess = guess_roles(str(path), given)
    assert guess.roles == {**given, "time": "time"}
    assert guess.reasons["user"] == "as you named it"
    assert guess.log.decimal == ","
    for wrong, message in [
        ({"user": "whom"}, r"no column 'whom' \(--user\). Did you mean 'who'"),
        ({"time": "what"}, "--time what: values such as"),
        ({"value": "what"}, "--value what: its values are not numbers"),
    ]:
        with pytest.raises(InputError, match=message):
            guess_roles(str(path), wrong)


def test_one_column_is_not_a_log(write):
    path = str(write("log.csv", "user;item\n3;4\n"))
    with pytest.raises(InputError, match=r"one column only, 'user;item'.*--delimiter"):
        guess_roles(path, reading={"delimiter": ","})


def test_a_time_of_mixed_units_is_taken_where_it_is_named(write):
    times = [1_700_000_000 + 600 * row for row in range(30)]
    text = "uid,iid,ts\n" + "".join(
        f"{row % 7},{row % 5},{time * 1000 if row % 3 == 0 else time}\n"
        for row, time in enumerate(times)
    )
    log = str(write("log.csv", text))
    guess = guess_roles(log)
    assert "time" not in guess.roles
    assert any("'ts' was not taken" in note and "mixes units" in note for note in guess.notes)
    named = guess_roles(log, {"time": "ts"})
    assert named.settings["time_unit"] == "seconds"
    assert named.statistics.unusable == {"unparseable time": 10}


def test_searches_are_context(write):
    rows = [f"u{row % 4},i{row % 6},{kind}" for row in range(20) for kind in ("view", "search")]
    guess = guess_roles(str(write("log.csv", "user,item,event_type\n" + "\n".join(rows))))
    assert guess.settings["event_weights"] == {"search": 0.0, "view": 1.0}
