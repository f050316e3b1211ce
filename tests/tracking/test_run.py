"""Names and values as MLflow takes them."""

from recsys.tracking.run import allowed_name, flatten


def test_names_are_made_acceptable():
    assert allowed_name("test/ndcg@10") == "test/ndcg_at_10"
    assert allowed_name("slices/cold: new") == "slices/cold_ new"


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
