"""How the columns of common logs are called, by the role that they play."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

# Spellings without case, underscores and blanks; the likeliest first.
NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        "userid", "customeruniqueid", "user", "customerid", "customer", "visitorid", "visitor",
        "fullvisitorid", "reviewerid", "clientid", "client", "memberid", "member", "accountid",
        "account", "buyerid", "shopperid", "subscriberid", "uid", "useruuid", "userpseudoid",
        "profileid", "householdkey", "householdid", "personid", "playerid", "listenerid",
        "viewerid", "readerid", "learnerid", "studentid", "guestid", "travellerid", "travelerid",
        "passengerid", "authorid", "custid", "custno", "customerno", "customernumber", "cardid",
        "cardno", "loyaltycard", "msno", "deviceid", "device", "cookieid", "cookie", "anonymousid",
        "username", "customername", "reviewer", "reviewername", "author", "nickname", "login", "u",
        "kunde", "kunden", "kundenid", "kundennummer", "kundennr", "nutzer", "nutzerid", "benutzer",
        "utilisateur", "idclient", "cliente", "idcliente", "usuario", "idusuario",
        "用户id", "用户", "用户编号", "用户标识", "用户账号", "客户id", "客户", "客户编号",
        "客户号",
        "会员id", "会员", "会员号", "会员编号", "会员卡号", "顾客id", "顾客", "顾客编号", "买家id",
        "买家", "读者id", "读者", "账号", "账户", "用户名", "用户昵称", "昵称", "用戶id", "用戶",
        "客戶id", "客戶", "會員id", "會員", "會員編號", "使用者", "顧客", "ユーザー", "사용자",
    ),
    "item": (
        "itemid", "item", "productid", "product", "movieid", "movie", "parentasin", "asin",
        "articleid", "article", "stockcode", "sku", "skuid", "productcode", "productsku",
        "itemcode", "itemno", "goodsid", "goods", "merchandiseid", "trackid", "songid", "albumid",
        "artistid", "bookid", "isbn", "isbn13", "businessid", "videoid", "showid", "episodeid",
        "podcastid", "animeid", "mangaid", "newsid", "postid", "contentid", "documentid",
        "courseid", "jobid", "recipeid", "hotelid", "listingid", "propertyid", "restaurantid",
        "locationid", "venueid", "placeid", "poiid", "gameid", "appid", "adid", "offerid",
        "couponid", "iid", "ean", "gtin", "upc", "barcode", "reference", "destinationid", "pageid",
        "track", "song", "album", "artist", "book", "business", "video", "show", "anime", "manga",
        "news", "course", "recipe", "hotel", "listing", "restaurant", "venue", "place", "game",
        "app", "url", "productname", "producttitle", "itemname", "itemtitle", "trackname",
        "songname", "artistname", "movietitle", "booktitle", "gamename", "appname", "title", "i",
        "artikel", "artikelid", "artikelnummer", "artikelnr", "produkt", "produktid", "produit",
        "idproduit", "producto", "idproducto", "articulo",
        "商品id", "商品", "商品编号", "商品编码", "物品id", "物品", "物品编号", "产品id", "产品",
        "产品编号", "产品编码", "货号", "条码", "电影id", "电影", "影片id", "影片", "歌曲id",
        "歌曲",
        "视频id", "视频", "文章id", "文章", "新闻id", "新闻", "图书id", "图书", "书籍id", "书籍",
        "课程id", "课程", "菜品id", "菜品", "内容id", "商品名称", "商品名", "产品名称", "电影名",
        "歌名", "书名", "商品編號", "產品id", "產品", "電影", "商品コード", "상품",
    ),
    "time": (
        "timestamp", "eventtime", "time", "datetime", "unixreviewtime", "createdat", "ts",
        "invoicedate", "eventtimestamp", "timems", "timestampms", "unixtime", "date", "reviewtime",
        "orderdate", "ordertime", "orderedat", "orderpurchasetimestamp", "purchasedate",
        "purchasetime", "purchasedat", "transactiondate", "transactiontime", "transdat", "tdat",
        "playedat", "listenedat", "watchedat", "viewedat", "clickedat", "visitedat", "ratedat",
        "addedat", "paymenttime", "eventdate", "reviewdate", "ratingdate", "ratingtimestamp",
        "visittime", "servertime", "logtime", "localtime", "utctime", "created", "dateadded",
        "when", "occurredat", "submitted", "updatedat", "epoch", "dt", "ds", "day", "datum", "zeit",
        "zeitstempel", "zeitpunkt", "bestelldatum", "fecha", "hora", "horodatage",
        "时间", "时间戳", "行为时间", "事件时间", "下单时间", "购买时间", "订单时间", "交易时间",
        "支付时间", "点击时间", "浏览时间", "播放时间", "评分时间", "评论时间", "发生时间",
        "创建时间",
        "日期", "订单日期", "购买日期", "交易日期", "時間", "時間戳", "日時",
    ),
    "event": (
        "eventtype", "event", "eventname", "action", "behavior", "behaviour", "behaviortype",
        "behaviourtype", "userbehavior", "actiontype", "interactiontype", "interaction",
        "activity", "activitytype", "operation", "type", "ereignis", "aktion",
        "行为类型", "行为", "事件类型", "事件", "操作类型", "操作", "动作", "类型", "行為",
        "行為類型",
    ),
    "split": ("split", "fold", "subset", "part", "partition", "evalset", "dataset", "数据集"),
    "order": (
        "position", "sequence", "seq", "sequencenumber", "sequenceid", "step", "ordinal",
        "ordernumber", "orderno", "visitnumber", "sessionnumber", "eventindex", "eventorder",
        "序号", "顺序", "次序", "步骤", "順序",
    ),
    "value": (
        "rating", "overall", "stars", "score", "value", "revenue", "salesvalue", "quantity", "qty",
        "amount", "total", "totalprice", "price", "unitprice", "playcount", "plays", "listens",
        "betrag", "umsatz", "menge", "anzahl", "preis", "einzelpreis", "importe", "cantidad",
        "precio", "montant", "quantite", "quantité", "prix",
        "评分", "打分", "得分", "星级", "金额", "总价", "总金额", "实付金额", "支付金额",
        "交易金额",
        "数量", "购买数量", "件数", "价格", "单价", "售价", "評分", "金額", "數量", "價格",
    ),
    "session": (
        "sessionid", "session", "usersession", "visitid", "visit", "invoiceno", "invoice",
        "basketid", "basket", "cartid", "orderid", "transactionid", "receiptid", "receipt",
        "ticketid", "bookingid", "tripid", "ordernumber", "orderno", "bestellnummer", "pedido",
        "会话id", "会话", "订单id", "订单号", "订单编号", "订单", "交易号", "小票号", "會話",
        "訂單",
        "訂單編號",
    ),
}  # fmt: skip
# Spellings of `value` that are not money by themselves, and those of what a piece costs.
QUANTITIES = (
    "quantity", "qty", "menge", "anzahl", "cantidad", "quantite", "quantité", "数量", "购买数量",
    "件数", "數量",
)  # fmt: skip
PRICES = (
    "price", "unitprice", "preis", "einzelpreis", "precio", "prix", "价格", "单价", "售价", "價格",
)  # fmt: skip
# What makes an id of the name of a thing, before or behind it: `Artikel-Nr.`, `id_client`.
ID_WORDS = (
    "id", "ids", "nr", "no", "nº", "num", "number", "nummer", "numero", "número", "code", "key",
    "编号", "编码", "号", "標識", "標號", "編號",
)  # fmt: skip
# Roles that ids play.
OF_IDS = ("user", "item", "session")
# A shorter name is too little to tell by what is left of a longer one: `u` of `uno`.
SHORTEST_STEM = 3
EVENT_WEIGHTS = {
    "purchase": 3.0, "buy": 3.0, "order": 3.0, "transaction": 3.0, "购买": 3.0, "下单": 3.0,
    "支付": 3.0, "cart": 2.0, "addtocart": 2.0, "加购": 2.0, "加入购物车": 2.0,
    "removefromcart": 0.0, "search": 0.0, "query": 0.0, "filter": 0.0, "搜索": 0.0,
}  # fmt: skip


def folded(name: str) -> str:
    """A name without case, punctuation, blanks and what stands behind a colon (RecBole's type).

    >>> folded("User_ID:token"), folded("用户 ID"), folded("N° client")
    ('userid', '用户id', 'noclient')
    """
    plain = unicodedata.normalize("NFKC", name.split(":")[0].replace("°", "o")).casefold()
    return re.sub(r"[\W_]+", "", plain)


def named(columns: Sequence[str], role: str) -> list[str]:
    """Columns whose name is one of a role's spellings, the likeliest spelling first.

    Of a dotted path (``event.item.id``) its end counts (``item.id``, ``id``) as well. Behind all
    spellings come, of ids, those with a word for an id before or behind them.

    >>> named(["Produkt Nr.", "Art", "item_id"], "item")
    ['item_id', 'Produkt Nr.']
    """
    places = _places(role)
    found = []
    for column in columns:
        parts = column.split(".")
        ends = [folded(".".join(parts[begin:])) for begin in range(len(parts))]
        best = min((places[end] for end in ends if end in places), default=None)
        if best is not None:
            found.append((best, column))
    return [column for _, column in sorted(found, key=lambda each: each[0])]


@cache
def _places(role: str) -> dict[str, int]:
    """How likely each spelling of a role is: 0 is the likeliest."""
    spellings = NAMES[role]
    if role in OF_IDS:
        taken = {spelling for others in NAMES.values() for spelling in others}
        stems = [name for name in spellings if len(name) >= SHORTEST_STEM or not name.isascii()]
        words = list(map(folded, ID_WORDS))
        more = [each for name in stems for word in words for each in (name + word, word + name)]
        spellings += tuple(name for name in dict.fromkeys(more) if name not in taken)
    return {spelling: place for place, spelling in enumerate(spellings)}
