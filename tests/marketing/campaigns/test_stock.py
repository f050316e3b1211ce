from math import inf
from types import SimpleNamespace

import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.stock import StockConfig, offers_left

DATASET = SimpleNamespace(item_ids=["a", "17", "c"], items=3)


def stock(tmp_path, text, **settings):
    (tmp_path / "stock.csv").write_text(text)
    return offers_left(StockConfig(path=str(tmp_path / "stock.csv"), **settings), DATASET).tolist()


def test_what_is_listed_is_there(tmp_path):
    assert offers_left(None, DATASET).tolist() == [inf, inf, inf]
    assert stock(tmp_path, "item\n17.0\nunknown\n") == [0, inf, 0]


def test_so_many_pieces_are_needed(tmp_path):
    text = "sku,n\na,3\n17,0\nc,\n"
    assert stock(tmp_path, text, key="sku", pieces="n") == [3, 0, 0]
    with pytest.raises(InputError, match="no item of the log is in stock"):
        stock(tmp_path, text, key="sku", pieces="n", least=4)


def test_a_number_that_is_none_is_named(tmp_path):
    with pytest.raises(InputError, match="'n' of the stock: 'many' in row 1 is not a number"):
        stock(tmp_path, "item,n\na,many\n", pieces="n")


def test_a_piece_is_offered_to_so_many_users(tmp_path):
    text = "item,n\na,3\n17,2.5\nc,1\n"
    assert stock(tmp_path, text, pieces="n") == [3, 2, 1]
    assert stock(tmp_path, text, pieces="n", per_piece=20, least=2) == [60, 50, 0]


def test_pieces_in_several_rows_are_added_up_and_that_is_said(tmp_path, caplog):
    assert stock(tmp_path, "item,n\na,3\n,9\na,\na,2\n", pieces="n") == [5, 0, 0]
    assert "2 rows are of an item that has a row already" in caplog.text
