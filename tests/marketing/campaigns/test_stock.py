from types import SimpleNamespace

import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.stock import StockConfig, in_stock

DATASET = SimpleNamespace(item_ids=["a", "17", "c"], items=3)


def stock(tmp_path, text, **settings):
    (tmp_path / "stock.csv").write_text(text)
    return in_stock(StockConfig(path=str(tmp_path / "stock.csv"), **settings), DATASET).tolist()


def test_what_is_listed_is_there(tmp_path):
    assert in_stock(None, DATASET).all()
    assert stock(tmp_path, "item\n17.0\nunknown\n") == [False, True, False]


def test_so_many_pieces_are_needed(tmp_path):
    text = "sku,n\na,3\n17,0\nc,\n"
    assert stock(tmp_path, text, key="sku", pieces="n") == [True, False, False]
    with pytest.raises(InputError, match="no item of the log is in stock"):
        stock(tmp_path, text, key="sku", pieces="n", least=4)


def test_a_number_that_is_none_is_named(tmp_path):
    with pytest.raises(InputError, match="'n' of the stock: 'many' in row 1 is not a number"):
        stock(tmp_path, "item,n\na,many\n", pieces="n")
