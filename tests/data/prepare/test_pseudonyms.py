"""A log whose user ids are replaced as they are read: the same dataset, without the ids."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys.data.dataset import Dataset
from recsys.data.prepare.config import DataConfig
from recsys.data.sources.text import normal_id
from recsys.errors import InputError
from recsys.protection.keys import Key
from recsys.protection.pseudonyms import Pseudonyms

SECRET, OTHER = "5c" * 32, "9d" * 32
PROTECTION = {"pseudonyms": {"key": "users"}}
# One user's id is a number, written in several ways; two differ in case only.
IDS = {"a": ["7731842", "7731842.0", " 7731842"], "b": ["Anna-Lund"], "c": ["anna-lund"]}


def log_of(ids):
    rows = ["user,item,time"]
    for step in range(12):
        name = "abc"[step % 3]
        user = ids[name][step % len(ids[name])]
        rows.append(f"{user},{'xyzw'[step % 4]},{100 + step}")
    rows.append("Anna-Lund,x,")  # has no time
    rows.append("Anna-Lund,x")  # is not a row
    rows.append(",y,101")  # has no user
    return "\n".join(rows) + "\n"


USERS = "user,city\n7731842.0,Bergen\nAnna-Lund,Oslo\nanna-lund,Oslo\nnobody-known,Rome\n"


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("RECSYS_KEY_USERS", SECRET)
    return Pseudonyms(Key("users", SECRET.encode()))


@pytest.fixture
def prepare_both(write, prepared, key):
    def prepare_with(**protection):
        log, users = write("log.csv", log_of(IDS)), write("users.csv", USERS)
        city = {"kind": "categorical", "minimum_users": 1}
        table = {"path": str(users), "key": "user", "features": {"city": city}}
        return prepared(log, users=table, **protection)

    return prepare_with


def test_the_dataset_is_the_same_but_for_the_ids(prepare_both, key):
    plain, hidden = prepare_both(), prepare_both(protection=PROTECTION)
    assert plain.user_ids == ["7731842", "Anna-Lund", "anna-lund"]
    assert set(hidden.user_ids) == {key.of(user) for user in plain.user_ids}
    assert hidden.manifest.pseudonyms == {"key": "users", "id": key.key.id}
    assert plain.manifest.pseudonyms is None
    for place, user in enumerate(plain.user_ids):
        there = hidden.user_places[key.of(user)]
        for name in ("event_items", "event_times"):
            of_plain = plain.array(name)[slice(*plain.user_offsets[place : place + 2])]
            of_hidden = hidden.array(name)[slice(*hidden.user_offsets[there : there + 2])]
            assert np.array_equal(of_plain, of_hidden)
        city = plain.vocabulary("user", "city")[plain.feature("user", "city")[place] - 1]
        assert hidden.vocabulary("user", "city")[hidden.feature("user", "city")[there] - 1] == city
    assert hidden.manifest.quality["quarantined"] == plain.manifest.quality["quarantined"]
    assert any("user ids are pseudonyms" in note for note in hidden.manifest.quality["notes"])


def test_no_file_has_an_id(prepare_both, key):
    hidden = prepare_both(protection=PROTECTION)
    for file in hidden.path.rglob("*"):
        if file.is_file():
            content = file.read_bytes().lower()
            # Pages of Parquet are compressed.
            if file.suffix == ".parquet":
                content += str(pq.read_table(file).to_pylist()).lower().encode()
            for user in ("7731842", "anna-lund", "nobody-known", SECRET):
                assert user.encode() not in content, file
    rows = pq.read_table(hidden.path / "quarantine.parquet").to_pylist()
    assert [(row["reason"], row["user"]) for row in rows] == [
        ("missing time", key.of("Anna-Lund")),
        ("empty user", None),
        ("wrong number of cells", None),
    ]
    assert rows[2]["raw"] is None and rows[2]["line"] == 15


def test_a_person_goes_on_giving_ids_of_the_log(prepare_both, key, monkeypatch):
    hidden = prepare_both(protection=PROTECTION)
    assert hidden.stored_user_id(normal_id("7731842.0")) == key.of("7731842")
    events = hidden.statistics.events_of(["Anna-Lund", 7731842])
    assert events["user"].drop_duplicates().tolist() == ["Anna-Lund", "7731842"]
    with pytest.raises(InputError, match="the log has no user 'ghost'"):
        hidden.statistics.events_of(["ghost"])
    monkeypatch.setenv("RECSYS_KEY_USERS", OTHER)
    del hidden._stored_id
    with pytest.raises(InputError, match=r"another key .* than the one with which the dataset"):
        hidden.statistics.events_of(["Anna-Lund"])


def test_a_table_with_several_rows_of_one_id_shows_no_id(write, prepared, key):
    log = write("log.csv", log_of(IDS))
    users = write("users.csv", USERS + "7731842,Rome\n")
    table = {"path": str(users), "key": "user", "features": {"city": "categorical"}}
    with pytest.raises(InputError, match=f"'{key.of('7731842')}' .2 rows") as raised:
        prepared(log, users=table, protection=PROTECTION)
    assert "'7731842" not in str(raised.value)


def test_another_key_is_another_dataset_and_none_is_refused(prepare_both, monkeypatch):
    one = prepare_both(protection=PROTECTION)
    assert prepare_both(protection=PROTECTION).fingerprint == one.fingerprint
    monkeypatch.setenv("RECSYS_KEY_USERS", OTHER)
    other = prepare_both(protection=PROTECTION)
    assert other.fingerprint != one.fingerprint
    assert not set(other.user_ids) & set(one.user_ids)
    monkeypatch.delenv("RECSYS_KEY_USERS")
    with pytest.raises(InputError, match="the key 'users' is not here: set RECSYS_KEY_USERS"):
        prepare_both(protection=PROTECTION)


def test_a_feature_of_ids_is_refused():
    log = {"path": "log.csv", "columns": {"user": "u", "item": "i"}}
    split = {"kind": "random"}
    with pytest.raises(ValueError, match=r"`log.features.who` would hold the user ids"):
        DataConfig.model_validate(
            {
                "log": {**log, "features": {"who": {"kind": "categorical", "column": "u"}}},
                "split": split,
                "protection": PROTECTION,
            }
        )


def test_tables_of_ids_are_encrypted(write, prepared, monkeypatch):
    monkeypatch.setenv("RECSYS_KEY_DISK", SECRET)
    log = write("log.csv", log_of(IDS))
    plain = prepared(log)
    closed = prepared(log, protection={"encryption": {"key": "disk"}})
    assert closed.fingerprint != plain.fingerprint
    assert closed.user_ids == plain.user_ids
    for name in ("users.parquet", "quarantine.parquet"):
        content = (closed.path / name).read_bytes()
        assert content.startswith(b"PARE") and b"anna" not in content.lower()
    for name in ("event_items.npy", "items.parquet"):
        assert (closed.path / name).read_bytes() == (plain.path / name).read_bytes()
    again = type(closed)(closed.path)
    monkeypatch.setenv("RECSYS_KEY_DISK", OTHER)
    with pytest.raises(InputError, match=r"RECSYS_KEY_DISK holds another key .*users.parquet was"):
        _ = again.user_ids
    # Another key is another dataset.
    other = prepared(log, protection={"encryption": {"key": "disk"}})
    assert other.fingerprint != closed.fingerprint


def test_frames_have_pseudonyms_by_keyword(tmp_path, key):
    days = pd.date_range("2026-01-01", periods=12)
    frame = pd.DataFrame({"u": ["ann", "bob"] * 6, "i": list("xyzw") * 3, "t": days})
    roles = {"user": "u", "item": "i", "time": "t", "split": "leave_one_out"}
    roles["runs_dir"] = tmp_path
    for given in ({"protection": PROTECTION}, {"pseudonyms": {"key": "users"}}):
        data = Dataset.from_frame(frame, **roles, **given)
        assert set(data.user_ids) == {key.of("ann"), key.of("bob")}
    # The frame itself is written as it was given, for its owner alone.
    (file,) = (tmp_path / "datasets/frames").glob("*.parquet")
    assert file.stat().st_mode & 0o777 == 0o600
