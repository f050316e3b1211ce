import pytest

from recsys.errors import InputError
from recsys.marketing.audiences.suppression import SuppressionConfig, read_suppressed

KNOWN = frozenset({"1", "2", "3"})


def read(tmp_path, text, **settings):
    (tmp_path / "no.csv").write_text(text)
    config = SuppressionConfig(path=str(tmp_path / "no.csv"), **settings)
    return read_suppressed(config, KNOWN)


def test_without_a_list_nobody_opted_out():
    assert read_suppressed(None, KNOWN).of("push") == frozenset()


def test_a_channel_may_be_opted_out_of(tmp_path):
    found = read(tmp_path, "user,where\n1.0,email\n2,\n 3 ,All\n", channel="where")
    assert found.everywhere == {"2", "3"}
    assert found.of("email") == {"1", "2", "3"} and found.of("push") == {"2", "3"}


def test_unknown_users_are_refused_unless_they_are_meant(tmp_path):
    with pytest.raises(InputError, match=r"2 of the 3 users of the opt-out list.*such as 7, x@y"):
        read(tmp_path, "user\n1\n7\nx@y.org\n")
    found = read(tmp_path, "user\n1\n7\n", unknown="allow")
    assert found.everywhere == {"1", "7"} and found.unknown == 1


def test_what_says_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="row 2 of the opt-out list has no 'user'"):
        read(tmp_path, "user,where\n1,push\n,push\n", channel="where")
    with pytest.raises(InputError, match="'post' in the opt-out list is no channel"):
        read(tmp_path, "user,where\n1,post\n", channel="where")
