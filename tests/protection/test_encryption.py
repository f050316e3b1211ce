"""Encrypted tables: unreadable without the key, and told in one message."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from recsys.protection.encryption import (
    Encryption,
    encryption_in,
    is_encrypted,
    read_frame,
    read_names,
    read_table,
    table_writer,
    write_frame,
    write_table,
)
from recsys.protection.keys import Key
from recsys.protection.tables import columns_of, keep_rows, move_events, users_in

SECRET, OTHER = "4e" * 32, "b1" * 32
TABLE = pa.table({"user": ["anna-lund", None, "bo"], "event": [4, 2, 0], "why": [["x"], [], None]})


@pytest.fixture
def encryption(monkeypatch):
    monkeypatch.setenv("RECSYS_KEY_DISK", SECRET)
    return Encryption(Key("disk", SECRET.encode()))


@pytest.fixture
def path(tmp_path, encryption):
    write_table(TABLE, tmp_path / "users.parquet", encryption)
    return tmp_path / "users.parquet"


def test_nothing_of_it_can_be_read_without_the_key(path):
    content = path.read_bytes()
    assert content.startswith(b"PARE") and content.endswith(b"PARE")
    # Names of columns stand in the footer, which is encrypted, too.
    for said in (b"anna-lund", b"user", b"event", SECRET.encode()):
        assert said not in content
    with pytest.raises(OSError, match="decryption"):
        pq.read_table(path)


def test_it_is_read_as_it_was_written(path, encryption):
    assert read_table(path).equals(TABLE)
    assert read_table(path, ["event"]).column_names == ["event"]
    assert read_names(path) == columns_of(path) == ["user", "event", "why"]
    assert encryption_in(path) == encryption
    assert users_in(path, "user") == ["anna-lund", None, "bo"]


def test_two_files_of_one_key_share_no_bytes(path, tmp_path, encryption):
    """Each has random keys of its own: equal tables do not look alike."""
    again = tmp_path / "again.parquet"
    write_table(TABLE, again, encryption)
    ours, others = path.read_bytes(), again.read_bytes()
    assert ours[4:64] != others[4:64]


def test_plain_tables_need_no_key(tmp_path):
    write_table(TABLE, tmp_path / "plain.parquet")
    assert not is_encrypted(tmp_path / "plain.parquet")
    assert encryption_in(tmp_path / "plain.parquet") is None
    assert pq.read_table(tmp_path / "plain.parquet").equals(TABLE)
    assert read_table(tmp_path / "plain.parquet").equals(TABLE)


@pytest.mark.parametrize("read", [read_table, read_frame, read_names, encryption_in])
def test_a_missing_or_wrong_key_is_one_message(path, monkeypatch, read):
    monkeypatch.delenv("RECSYS_KEY_DISK")
    with pytest.raises(InputError, match=r"the key 'disk' is not here with which .*users.parquet"):
        read(path)
    monkeypatch.setenv("RECSYS_KEY_DISK", OTHER)
    with pytest.raises(InputError, match=r"RECSYS_KEY_DISK holds another key .*users.parquet was"):
        read(path)


def test_frames_are_as_pandas_reads_them(tmp_path, encryption):
    frame = pd.DataFrame(
        {
            "user": ["a", "b"],
            "kind": pd.Categorical(["x", None]),
            "time": pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True),
            "row": pd.array([1, None], dtype="Int64"),
        }
    )
    write_frame(frame, tmp_path / "plain.parquet", None)
    write_frame(frame, tmp_path / "closed.parquet", encryption)
    pd.testing.assert_frame_equal(
        read_frame(tmp_path / "closed.parquet"), read_frame(tmp_path / "plain.parquet")
    )
    assert list(read_frame(tmp_path / "closed.parquet", ["kind"])) == ["kind"]


def test_it_is_written_in_pieces(tmp_path, encryption):
    path = tmp_path / "rows.parquet"
    with table_writer(path, TABLE.schema, encryption) as writer:
        for _ in range(3):
            writer.write_table(TABLE)
    assert read_table(path).num_rows == 9


def test_what_is_written_again_stays_encrypted(path, encryption):
    keep_rows(path, [False, True, True])
    assert users_in(path, "user") == [None, "bo"] and encryption_in(path) == encryption
    move_events(path, np.array([10, 11, 12]))
    assert read_table(path)["event"].to_pylist() == [12, 10]
    assert encryption_in(path) == encryption and path.stat().st_mode & 0o777 == 0o600
