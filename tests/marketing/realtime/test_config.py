"""Files of replays: what they may say, and what is wrong with them in one message."""

import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment.file import read_as
from recsys.marketing.realtime.config import ReplayConfig

STREAM = {
    "path": "log.csv",
    "columns": {"user": "user", "item": "item", "time": "time", "event": "event"},
}
CART = {"kind": "abandoned", "name": "cart", "event": "cart", "completed_by": "purchase"}
BACK = {"kind": "segment", "name": "back", "from": ["dormant", "lost"], "to": ["active"]}
REPLAY = {
    "stream": STREAM,
    "users": "runs/buys",
    "recommender": "runs/shop",
    "from": "2024-03-01",
    "triggers": [CART, BACK],
}


def load(tmp_path, **changes):
    file = tmp_path / "march.yaml"
    file.write_text(yaml.safe_dump({**REPLAY, **changes}))
    return read_as(ReplayConfig, file, ["items=3"], what="replay file")


def test_a_file_is_read_with_its_overrides(tmp_path):
    found = load(tmp_path, until="2024-03-02T00:00:00+01:00")
    assert found.name == "march" and found.items == 3 and not found.sorted
    cart, back = found.triggers
    assert cart.completed_by == ["purchase"] and cart.after_minutes == 60
    assert cart.at_most_every_days == 7
    assert back.origin == ["dormant", "lost"] and back.to == ["active"]
    assert found.ends - found.begins == 23 * 3600 * 10**6


def columns_without(*roles: str) -> dict:
    left = {role: name for role, name in STREAM["columns"].items() if role not in roles}
    return {"stream": {**STREAM, "columns": left}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (columns_without("time"), r"replayed by its times: map stream\.columns\.time"),
        (columns_without("item"), r"map stream\.columns\.item"),
        (columns_without("event"), r"'cart' looks for events of a type: map .*columns\.event"),
        ({"users": None}, "'back' asks for segments: name in `users`"),
        ({"until": "2024-02-01"}, "`from` must be before `until`"),
        ({"triggers": [CART, {**BACK, "name": "cart"}]}, "two triggers have one name: cart, cart"),
        ({"triggers": []}, "triggers"),
        ({"suppress": {"path": "no.csv", "email": "mail"}}, "`key` and `email`"),
        ({"triggers": [{**BACK, "form": ["lost"]}]}, r"triggers\.0\.form: unknown key.* 'from'"),
        ({"triggers": [{**BACK, "to": ["loyl"]}]}, r"triggers\.0\.to\.0: .* did you mean 'loyal'"),
        ({"triggers": [{**CART, "completed_by": []}]}, r"triggers\.0\.completed_by"),
        ({"form": "2024-03-01"}, "form: unknown key; did you mean 'from'"),
    ],
)
def test_what_is_wrong_is_one_message(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as raised:
        load(tmp_path, **changes)
    assert len(str(raised.value).splitlines()) == 2  # the file, and the mistake
