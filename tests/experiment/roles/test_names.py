"""What columns are called."""

import pytest

from recsys.experiment.roles.names import NAMES, folded, named

HEADERS = {
    "last.fm": ("user_name;artist;track;played_at", {"user": "user_name", "time": "played_at"}),
    "olist": (
        "order_id;customer_id;customer_unique_id;product_id;order_purchase_timestamp;price",
        {"user": "customer_unique_id", "item": "product_id", "session": "order_id",
         "time": "order_purchase_timestamp", "value": "price"},
    ),
    "instacart": (
        "order_id;user_id;eval_set;order_number;add_to_cart_order;product_id;product_name",
        {"user": "user_id", "item": "product_id", "order": "order_number", "session": "order_id",
         "split": "eval_set"},
    ),
    "kkbox": ("msno;song_id;ts", {"user": "msno", "item": "song_id", "time": "ts"}),
    "trivago": (
        "user_id;session_id;timestamp;step;action_type;reference",
        {"user": "user_id", "item": "reference", "time": "timestamp", "order": "step",
         "event": "action_type", "session": "session_id"},
    ),
    "retailrocket": (
        "timestamp;visitorid;event;itemid;transactionid",
        {"user": "visitorid", "item": "itemid", "time": "timestamp", "event": "event",
         "session": "transactionid"},
    ),
    "devices": ("deviceid;Listing ID;when", {"user": "deviceid", "item": "Listing ID",
                                             "time": "when"}),
    "yelp": ("business_id;stars;date;user_id", {"user": "user_id", "item": "business_id",
                                                "value": "stars", "time": "date"}),
    "anime": ("user_id;anime_id;rating", {"user": "user_id", "item": "anime_id"}),
    "recipes": ("user_id;recipe_id;date", {"item": "recipe_id"}),
    "hotels": ("user_id;hotel_id;date_time", {"item": "hotel_id", "time": "date_time"}),
    "names": ("customer name;product_name;Order Date", {"user": "customer name",
                                                        "item": "product_name",
                                                        "time": "Order Date"}),
    "chinese": (
        "用户ID;商品编号;行为类型;时间;订单号;数量;价格",
        {"user": "用户ID", "item": "商品编号", "event": "行为类型", "time": "时间",
         "session": "订单号", "value": "数量"},
    ),
    "chinese words": (
        "用户;物品;评分;时间戳;会话", {"user": "用户", "item": "物品", "value": "评分",
                                       "time": "时间戳", "session": "会话"},
    ),
    "traditional": ("會員 編號;商品編號;時間", {"user": "會員 編號", "item": "商品編號",
                                                "time": "時間"}),
    "german": (
        "Kunden-Nr;Artikelnummer;Bestelldatum;Menge;Einzelpreis",
        {"user": "Kunden-Nr", "item": "Artikelnummer", "time": "Bestelldatum", "value": "Menge"},
    ),
    "records": (
        "context.ip;user.id;event.item.id;event.type;event.ts",
        {"user": "user.id", "item": "event.item.id", "event": "event.type", "time": "event.ts"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("log", HEADERS)
def test_names_of_many_logs(log):
    header, roles = HEADERS[log]
    columns = header.split(";")
    found = {role: named(columns, role) for role in NAMES}
    assert {role: found[role][0] for role in roles} == roles


def test_spellings_are_written_as_they_are_compared():
    for spellings in NAMES.values():
        assert [folded(name) for name in spellings] == list(spellings)
        assert len(set(spellings)) == len(spellings)


def test_every_letter_counts():
    assert folded("User_ID:token") == "userid"
    assert folded("用户 ＩＤ") == "用户id"
    assert named(["价格", "数量"], "user") == []


@pytest.mark.parametrize(
    ("column", "role"),
    [
        ("Kunden-Nr.", "user"),
        ("customer #no", "user"),
        ("N° client", "user"),
        ("Artikel Nr", "item"),
        ("Artikel-Nº", "item"),
        ("Product Number", "item"),
        ("code_produit", "item"),
        ("Bon-Receipt", None),
        ("receipt no.", "session"),
    ],
)
def test_a_word_for_an_id_may_stand_before_or_behind_the_name_of_a_thing(column, role):
    found = [each for each in NAMES if named([column], each)]
    assert found == ([] if role is None else [role])


def test_names_that_other_roles_have_are_left_to_them():
    for column in ("Stück", "no", "order_number", "i no", "total", "visit number"):
        assert not named([column], "item") and not named([column], "user")
    assert named(["Product No", "product_id"], "item") == ["product_id", "Product No"]
