import pyarrow as pa

from recsys.data.prepare.encode import encode_ids
from recsys.data.sources.engine import connect


def test_codes_follow_the_ids_of_usable_rows(tmp_path):
    con = connect(tmp_path, 1)
    log = {
        "user": ["b", "a", None, "b"],
        "item": ["10", "9", "9", "é"],
        "session": ["s", None, "t", "r"],
        "channel": ["web", "shop", "app", None],
        "row": [0, 1, 2, 3],
        "reason": [None, None, "empty user", None],
        "given": [None, None, "x", None],
    }
    con.create_table("log", pa.table(log))
    encoded = encode_ids(con, con.table("log"))
    assert encoded.users.to_pylist() == ["a", "b"]
    assert encoded.items.to_pylist() == ["10", "9", "é"]
    events = encoded.events.order_by("row").to_pyarrow().to_pydict()
    assert events["user"] == [1, 0, 1]
    assert events["item"] == [0, 1, 2]
    assert events["session"] == [1, -1, 0]
    assert events["channel"] == [1, 0, -1]
    assert {role: names.to_pylist() for role, names in encoded.names.items()} == {
        "channel": ["shop", "web"]
    }
    assert "reason" not in events and "given" not in events
