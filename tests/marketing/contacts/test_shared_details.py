import pandas as pd

from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.shared_details import SharedDetails

ROWS = [
    ("a", "J.Doe@gmail.com", "+491701234567"),
    ("b", "jdoe+x@googlemail.com", None),
    ("c", "c@b.org", "0170 1234567"),
    ("d", None, "+431701234567"),
    ("e", None, None),
]


def shared():
    return SharedDetails(Contacts(pd.DataFrame(ROWS, columns=["user", "email", "phone"])))


def test_users_share_a_detail_in_whatever_spelling():
    found = shared()
    assert found.of(["b"], ["email"]) == {"a", "b"}
    assert found.of(["b", "e", "stranger"], ["email"]) == {"a", "b", "e", "stranger"}
    assert found.of(["a"], ["email", "phone"]) == {"a", "b", "c"}
    # A number without a country ends as both do; they are not the same.
    assert found.of(["c"], ["phone"]) == {"a", "c", "d"}
    assert found.of(["d"], ["phone"]) == {"c", "d"}
    assert found.of([], ["email"]) == frozenset()


def test_a_detail_that_is_not_known_is_nobodys():
    assert shared().of(["b"], ["push_token"]) == shared().of(["b"], []) == {"b"}
    assert SharedDetails().of(["a", "b"], ["email"]) == {"a", "b"}
    assert SharedDetails().first_of_each(["a", "b"], ["email"]) == ["a", "b"]


def test_of_those_who_share_a_detail_the_first_stays():
    found = shared()
    assert found.first_of_each(["b", "c", "a", "e", "d"], ["email"]) == ["b", "c", "e", "d"]
    assert found.first_of_each(["d", "c", "a"], ["phone"]) == ["d", "a"]
    assert found.first_of_each(["c", "a", "b", "d"], ["email", "phone"]) == ["c", "b"]


def test_who_is_reached_by_the_same_has_one_place():
    found = shared()
    assert found.place("a", ["email"]) == found.place("b", ["email"])
    assert found.place("a", ["email"]) != found.place("c", ["email"])
    assert found.place("a", ["email", "phone"]) != found.place("b", ["email", "phone"])
    assert found.place("d", ["email"]) == "d" and found.place("e", ["email", "phone"]) == "e"
    assert SharedDetails().place("a", ["email"]) == "a"
