import pytest

from recsys.marketing.contacts.identifiers import (
    Unusable,
    advertising_id,
    email_address,
    gmail_address,
    person_name,
    postcode,
    push_token,
    sha256,
)


def test_a_hash_is_lower_case_hex_of_utf8():
    # FIPS 180-4's example "abc"; and Meta's published example of a name with an accent.
    assert sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256("valéry") == "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" John.Smith@Example.COM\t", "john.smith@example.com"),
        ("jörg@EXÄMPLE.de", "jörg@exämple.de"),
        ("jo\u0308rg@exämple.de", "jörg@exämple.de"),
        ("a@xn--exmple-cua.de", "a@exämple.de"),
    ],
)
def test_spellings_of_an_address_become_one(given, expected):
    assert email_address(given) == expected


@pytest.mark.parametrize(
    "given", ["", "a@b@c.org", "john", "j@localhost", "j s@b.org", "J <j@b.org>"]
)
def test_what_is_no_address_is_refused_without_repeating_it(given):
    with pytest.raises(Unusable, match=r"^not an e-mail address$"):
        email_address(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # The first and the last are Google's own examples.
        ("cloudy.sanfrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com"),
        ("j.s@googlemail.com", "js@googlemail.com"),
        ("user.name+nyc@example.com", "user.name+nyc@example.com"),
    ],
)
def test_gmail_has_no_dots_and_no_suffix(given, expected):
    assert gmail_address(given) == expected


def test_a_gmail_address_that_is_all_suffix_is_refused():
    with pytest.raises(Unusable):
        gmail_address("+shopping@gmail.com")


def test_names_lose_case_and_blanks_but_not_accents():
    assert person_name("  Vale\u0301ry \n MARIE ") == "valéry marie"
    assert person_name("정") == "정"
    with pytest.raises(Unusable):
        person_name("-")


def test_postcodes_have_their_form():
    assert postcode(" wc2h  8lg ") == "WC2H 8LG"
    assert postcode("94303-5300") == "94303-5300"
    for none in ("", "=1+1", "a@b.org", "Berlin", "0123456789012", "10115\n;drop"):
        with pytest.raises(Unusable):
            postcode(none)


def test_advertising_ids_of_who_wants_none_are_refused():
    assert advertising_id(" 5F3A2B18-9c4d-4e7f-b8e2-17d3a1e69b25") == (
        "5f3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25"
    )
    with pytest.raises(Unusable, match="switched off"):
        advertising_id("00000000-0000-0000-0000-000000000000")
    with pytest.raises(Unusable, match="not an advertising id"):
        advertising_id("5f3a2b18")


def test_a_push_token_has_no_blanks():
    assert push_token(" dQ3x:APA91b_-Z ") == "dQ3x:APA91b_-Z"
    for none in ("two tokens", "a\u200bb", " "):
        with pytest.raises(Unusable, match="not a push token"):
            push_token(none)
