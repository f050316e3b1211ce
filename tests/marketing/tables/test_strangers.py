import pytest

from recsys.errors import InputError
from recsys.marketing.tables.strangers import stranger_notes

KNOWN = frozenset({"007", "008", "x-1"})


def notes(users):
    return stranger_notes(users, KNOWN, "the contacts", "so that nobody is", "contacts.key")


def test_nothing_is_said_of_users_whom_the_log_has():
    assert notes([]) == notes([None]) == notes(["007", "008", "007", None]) == []


def test_strangers_are_counted_once_each_and_shown_with_what_keeps_the_ids_apart():
    assert notes(["7", "7", "8", "x-1", None]) == [
        "2 of the 3 users of the contacts are not in the log (such as 7, 8), so that nobody is; 2 "
        "of them differ in leading zeros only (table '7', log '007'): write the ids alike in both "
        "files, as text"
    ]
    assert notes(["007", "d", "c", "b", "a"]) == [
        "4 of the 5 users of the contacts are not in the log (such as a, b, c), so that nobody is"
    ]


def test_a_table_of_strangers_only_is_refused():
    with pytest.raises(InputError, match=r"2 of the 2 .*in the column of `contacts.key`"):
        notes(["7", "8"])
