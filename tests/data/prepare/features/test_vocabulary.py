"""Values that few users have stay out of vocabularies, which are exported."""

import pytest

from recsys.data.prepare.config import DataConfig
from tests.data.conftest import COLUMNS, CUTS, RELATIVE

# Eight users; the last of them alone does what nobody else does.
LOG = "user,item,time,what\n" + "".join(
    f"u{user},{item},{100 + 10 * step + user},{'odd' if user == 7 else 'view'}\n"
    for step, item in enumerate("xyzwxyzw")
    for user in range(8)
)
CITIES = ["Oslo"] * 5 + ["Rome"] * 2 + ["Brunei"]
USERS = "user,city,likes,bio\n" + "".join(
    f"u{user},{city},jazz|{city}|{city},I like {city}\n" for user, city in enumerate(CITIES)
)
KINDS = {"city": "categorical", "likes": "multivalued", "bio": "text"}


def prepare_with(prepared, write, features):
    users = {"path": str(write("users.csv", USERS)), "key": "user", "features": features}
    return prepared(write("log.csv", LOG), users=users)


def test_values_of_users_need_five_by_default(prepared, write):
    dataset = prepare_with(prepared, write, KINDS)
    assert dataset.vocabulary("user", "city") == ["Oslo"]
    assert dataset.feature("user", "city").tolist() == [1] * 5 + [0] * 3
    # However often a user has it.
    assert dataset.vocabulary("user", "likes") == ["Oslo", "jazz"]
    assert dataset.feature("user", "likes")[-1].tolist() == [2, 0, 0]
    assert dataset.vocabulary("user", "bio") == ["i", "like", "oslo"]
    notes = [note for note in dataset.manifest.quality["notes"] if "minimum_users" in note]
    assert notes == [
        "user feature 'city': 2 values of fewer than 5 users each (`minimum_users`), in all 3 "
        "times, count as missing",
        "user feature 'likes': 2 values of fewer than 5 users each (`minimum_users`), in all 6 "
        "times, count as missing",
        "user feature 'bio': 2 values of fewer than 5 users each (`minimum_users`), in all 3 "
        "times, count as missing",
    ]
    for file in dataset.path.rglob("*"):
        assert not file.is_file() or b"Brunei" not in file.read_bytes()


def test_the_minimum_is_a_setting(prepared, write):
    city = {"kind": "categorical", "minimum_users": 2}
    dataset = prepare_with(prepared, write, {"city": city})
    assert dataset.vocabulary("user", "city") == ["Oslo", "Rome"]
    (note,) = [note for note in dataset.manifest.quality["notes"] if "minimum_users" in note]
    assert "1 value of fewer than 2 users each (`minimum_users`), in all 1 times, counts" in note
    city = {"kind": "categorical", "minimum_users": 1}
    assert len(prepare_with(prepared, write, {"city": city}).vocabulary("user", "city")) == 3


def test_values_of_events_are_counted_by_their_users(prepared, write):
    plain = {"what": {"kind": "categorical"}}
    log = {"columns": COLUMNS, "features": plain}
    dataset = prepared(write("log.csv", LOG), log=log)
    assert dataset.vocabulary("event", "what") == ["view", "odd"]
    log = {"columns": COLUMNS, "features": {"what": {**plain["what"], "minimum_users": 2}}}
    dataset = prepared(write("log.csv", LOG), log=log)
    assert dataset.vocabulary("event", "what") == ["view"]
    assert any("event feature 'what': 1 value of" in n for n in dataset.manifest.quality["notes"])


def test_items_of_few_users_are_removed_and_counted(prepared, write):
    log = write("log.csv", LOG + "u7,secret,181,odd\nu7,secret,182,odd\n")
    assert "secret" in prepared(log).item_ids
    dataset = prepared(log, minimum_item_users=2)
    assert sorted(dataset.item_ids) == ["w", "x", "y", "z"]
    assert dataset.manifest.quality["removed_by_k_core"] == 2
    assert "removed: 2 events of items of fewer than 2 users" in repr(dataset)


def test_features_of_items_have_no_minimum():
    items = {"path": "items.csv", "key": "id"}
    items["features"] = {"brand": {"kind": "categorical", "minimum_users": 3}}
    log = {"path": "log.csv", "columns": COLUMNS, **RELATIVE}
    with pytest.raises(
        ValueError, match="'brand' is one of items, whose values do not describe users"
    ):
        DataConfig.model_validate({"log": log, "items": items, "split": CUTS})
