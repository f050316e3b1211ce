"""The file of a study."""

import contextlib
import sqlite3

import pytest

from recsys.errors import InputError
from recsys.tuning import study
from tests.damage import empty, garble, truncate


@pytest.mark.parametrize("damage", [truncate, empty, garble])
def test_a_damaged_study_is_refused(tmp_path, damage):
    path = tmp_path / "study.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE trials (value TEXT)")
        database.executemany("INSERT INTO trials VALUES (?)", [("0.5" * 50,)] * 200)
    damage(path)
    with pytest.raises(InputError, match=r"study\.db is damaged.*overwrite=True"):
        study.open_storage(path)
