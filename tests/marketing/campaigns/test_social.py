import csv
import re
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InputError
from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.campaigns.platforms import PLATFORMS
from recsys.marketing.campaigns.sharers import Sharers
from recsys.marketing.campaigns.social import hash_contacts
from recsys.marketing.campaigns.social import write_social as write_rows
from recsys.marketing.contacts.contacts import Contacts, ContactsConfig, read_contacts
from recsys.marketing.contacts.countries import COUNTRIES
from recsys.marketing.contacts.identifiers import sha256
from recsys.marketing.contacts.shared_details import SharedDetails

DETAILS = ("email", "phone", "first_name", "last_name", "country", "postcode", "advertising_id")
HASH = re.compile("[0-9a-f]{64}")
MAID = "5f3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25"
NO_CODE = "not a country's ISO 3166-1 code or name"
NO_COUNTRY = f"no country code, and `country` is {NO_CODE}"
# Deterministic, and nothing left in the working directory.
PROPERTY = settings(max_examples=80, deadline=None, derandomize=True, database=None)


def write_social(users, table, platform, path, fields=None, region=None, silent=()):
    """All users who can be told of, in one file."""
    details = table if isinstance(table, Contacts) else Contacts(table, region)
    sharers = Sharers(SharedDetails(details), Suppressed(frozenset(silent)))
    found = hash_contacts(users, details, platform, fields, sharers)
    write_rows(found, list(found.cells), path)
    return found


def contacts(*rows: dict[str, str]) -> pd.DataFrame:
    names = ["user", *[name for name in DETAILS if any(name in row for row in rows)]]
    return pd.DataFrame([{name: row.get(name) for name in names} for row in rows], dtype=object)


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


ANN = {
    "user": "ann",
    "email": " Ann.Lee+news@Gmail.com",
    "phone": "030 123456",
    "first_name": "Ann-Marie",
    "last_name": "LEE",
    "country": "de",
    "postcode": "10115",
    "advertising_id": MAID.upper(),
}
BOB = {"user": "bob", "email": "bob@example.org"}
ADDRESS = ("first_name", "last_name", "country", "postcode")


def test_google_takes_names_hashed_and_country_and_zip_in_clear(tmp_path):
    file = tmp_path / "google.csv"
    fields = ["email", "phone", *ADDRESS]
    found = write_social(["ann"], contacts(ANN), "google", file, fields=fields, region="DE")
    hashes = [sha256(text) for text in ("annlee@gmail.com", "+4930123456", "ann-marie", "lee")]
    expected = "Email,Phone,First Name,Last Name,Country,Zip\n" + ",".join(hashes) + ",DE,10115\n"
    assert file.read_bytes() == expected.encode()
    assert list(found.cells) == ["ann"]
    assert found.left_out.empty and found.unusable.empty


def test_from_a_table_in_a_file_to_a_file_of_hashes(tmp_path):
    table = tmp_path / "contacts.csv"
    table.write_text("id,tel\n17850.0,030 123456\n7,+44 844 412 4653\n8,\n")
    config = ContactsConfig(path=str(table), key="id", phone="tel", region="DE")
    file = tmp_path / "meta.csv"
    users = ["17850", "7", "8"]
    found = write_social(users, read_contacts(config), "meta", file)
    hashes = sorted([sha256("4930123456"), sha256("448444124653")])
    assert file.read_text() == "\n".join(["phone", *hashes, ""])
    assert found.left_out.values.tolist() == [["8", "phone: none given"]]


def test_meta_takes_everything_hashed_and_phones_without_plus(tmp_path):
    file = tmp_path / "meta.csv"
    fields = ["postcode", "phone", "email", "country", "last_name", "first_name"]
    write_social(["ann"], contacts(ANN), "meta", file, fields=fields, region="DE")
    texts = ("ann.lee+news@gmail.com", "4930123456", "annmarie", "lee", "de", "10115")
    assert read(file) == (
        ["email", "phone", "fn", "ln", "country", "zip"],
        [[sha256(text) for text in texts]],
    )


def test_tiktok_takes_the_advertising_id_too(tmp_path):
    file = tmp_path / "tiktok.csv"
    fields = ["email", "phone", "advertising_id"]
    write_social(["ann", "bob"], contacts(ANN, BOB), "tiktok", file, fields=fields, region="DE")
    ann = [sha256(text) for text in ("ann.lee+news@gmail.com", "4930123456", MAID)]
    assert read(file) == (
        ["Email_SHA256", "Phone_SHA256", "MAID_SHA256"],
        sorted([ann, [sha256("bob@example.org"), "", ""]]),
    )


def test_by_default_email_and_phone_only_as_far_as_there_are_any(tmp_path):
    write_social(["ann"], contacts(ANN), "google", tmp_path / "both.csv", region="DE")
    assert read(tmp_path / "both.csv")[0] == ["Email", "Phone"]
    write_social(["bob"], contacts(BOB), "google", tmp_path / "one.csv")
    assert read(tmp_path / "one.csv")[0] == ["Email"]


def test_who_is_left_out_and_what_cannot_be_used_is_told_without_the_value(tmp_path):
    cy = {"user": "cy", "email": "cy at example.org", "phone": "030 123456"}
    dee = {"user": "dee", "phone": "12", "country": "Narnia"}
    table = contacts(BOB, cy, dee)
    found = write_social(["cy", "dee", "eve", "bob", "bob"], table, "meta", tmp_path / "file.csv")
    assert len(found.cells) == 1
    assert found.left_out.to_dict("list") == {
        "user": ["cy", "dee", "eve"],
        "reason": [
            "email: not an e-mail address; phone: no country code, and no country known",
            f"email: none given; phone: {NO_COUNTRY}",
            "no contact details",
        ],
    }
    assert found.unusable.to_dict("list") == {
        "user": ["cy", "cy", "dee"],
        "field": ["email", "phone", "phone"],
        "reason": [
            "not an e-mail address",
            "no country code, and no country known",
            NO_COUNTRY,
        ],
    }


def test_a_country_that_is_none_is_left_empty_and_counted(tmp_path):
    table = contacts({**BOB, "country": "Narnia"}, ANN)
    file = tmp_path / "meta.csv"
    found = write_social(["bob", "ann"], table, "meta", file, fields=["email", "country"])
    assert sorted(row[1] for row in read(file)[1]) == ["", sha256("de")]
    assert found.unusable.values.tolist() == [["bob", "country", NO_CODE]]


def test_of_an_address_that_google_cannot_match_nothing_is_told(tmp_path):
    table = contacts({**ANN, "last_name": None})
    file = tmp_path / "google.csv"
    write_social(["ann"], table, "google", file, fields=["email", *ADDRESS])
    assert read(file)[1] == [[sha256("annlee@gmail.com"), "", "", "", ""]]


@pytest.mark.parametrize(
    "wrong", [{"user": "b10115"}, {"phone": "B-10 115"}, {"email": "B10115@b.org"}]
)
def test_an_identifier_in_the_column_of_postcodes_is_not_told(tmp_path, wrong):
    row = {**ANN, "postcode": "b10115", **wrong}
    file = tmp_path / "google.csv"
    found = write_social([row["user"]], contacts(row), "google", file, fields=["email", *ADDRESS])
    assert read(file)[1][0][1:] == ["", "", "", ""]
    assert found.unusable[["field", "reason"]].values.tolist() == [
        ["postcode", "the same as an identifier"]
    ]


@pytest.mark.parametrize(
    ("platform", "table", "fields", "message"),
    [
        (
            "google",
            contacts({"user": "a", "first_name": "Ann", "country": "DE"}),
            None,
            "social channel google needs email or phone, and the contacts have first_name, country",
        ),
        ("meta", contacts({"user": "a"}), None, "needs email or phone, .* have no such column"),
        ("meta", contacts(BOB), ["email", "phone"], "meta needs phone, .* the contacts have email"),
        (
            "tiktok",
            contacts(ANN),
            ["email", "country"],
            "takes email, phone, advertising_id, and not",
        ),
        ("meta", contacts(ANN), ["country"], "needs email or phone, .*the detail in `fields`"),
        ("google", contacts(ANN), ["email", "country"], "together or not at all"),
        (
            "google",
            contacts(BOB),
            None,
            r"none of 2 users .* google \(2 with 'no contact details'\)",
        ),
    ],
)
def test_what_cannot_be_written_is_one_message_and_no_file(
    tmp_path, platform, table, fields, message
):
    with pytest.raises(InputError, match=message):
        write_social(["x", "y"], table, platform, tmp_path / "file.csv", fields=fields)
    assert list(tmp_path.iterdir()) == []


# Contact tables of any kind: what is right, what is written oddly, and what is garbage.
BLANKS = st.sampled_from(["", " ", "\t ", "\u00a0"])
GARBAGE = st.text(max_size=12)
LOCAL = st.from_regex(r"[a-z][a-z0-9]{3,8}([._+-][a-z0-9]{1,6})?", fullmatch=True)
DOMAIN = st.sampled_from(["gmail.com", "googlemail.com", "example.org", "exämple.de"])


@st.composite
def emails(draw) -> str:
    address = f"{draw(LOCAL)}@{draw(DOMAIN)}"
    spelt = draw(st.sampled_from([address, address.upper(), address.title()]))
    return draw(BLANKS) + spelt + draw(BLANKS)


@st.composite
def phones(draw) -> str:
    number = draw(st.from_regex("[1-9][0-9]{6}", fullmatch=True))
    return draw(st.sampled_from(["030 ", "(030) ", "030/", "+49 30 ", "0049-30-"])) + number


NAMES = st.text(st.characters(categories=["L", "M", "Zs", "Pd"]), min_size=1, max_size=10)
DETAIL = {
    "email": emails(),
    "phone": phones(),
    "first_name": NAMES,
    "last_name": NAMES,
    "country": st.sampled_from(["DE", "us", " fr ", "UK", "Germany"]),
    "postcode": st.from_regex("[0-9]{5}(-[0-9]{4})?|[A-Z][0-9] [0-9][A-Z]{2}", fullmatch=True),
    "advertising_id": st.uuids().map(str) | st.uuids().map(lambda each: str(each).upper()),
}
COMPLETE = st.fixed_dictionaries(DETAIL)
MIXED = st.fixed_dictionaries({name: st.none() | GARBAGE | kind for name, kind in DETAIL.items()})
IDS = st.from_regex("[A-Za-z]?[0-9]{1,6}", fullmatch=True) | st.text(min_size=1, max_size=8)


@st.composite
def tables(draw) -> dict[str, dict[str, str | None]]:
    """Details by user; here and there an identifier stands in the column of postcodes."""
    found = {}
    for user in draw(st.lists(IDS, min_size=1, max_size=5, unique_by=str.strip)):
        row = draw(COMPLETE | MIXED)
        local = (row["email"] or "").strip().partition("@")[0]
        wrong = st.sampled_from([user, local, row["phone"], row["first_name"]])
        found[user.strip() or "u"] = {**row, "postcode": draw(st.just(row["postcode"]) | wrong)}
    return found


def raw_spellings(user: str, row: dict[str, str | None]) -> set[str]:
    """What must not be a cell: ids and details as given and as normalised, and their parts."""
    email, phone = row["email"] or "", row["phone"] or ""
    digits = "".join(each for each in phone if each.isdigit())
    parts = {email.strip().partition("@")[0], digits, f"+{digits}", digits.lstrip("0")}
    parts |= {f"49{digits.lstrip('0')}", f"+49{digits.lstrip('0')}"}
    texts = {user, *parts, *(row[name] or "" for name in DETAIL if name not in ADDRESS[2:])}
    texts |= {each.strip() for each in texts}
    return {spelt for each in texts for spelt in (each, each.lower(), each.upper())} - {""}


REASONS = {
    "not an e-mail address",
    "not a telephone number",
    "a telephone number that does not exist",
    "with or without country code: put a + before it",
    "a telephone number with an extension",
    "no country code, and no country known",
    NO_COUNTRY,
    "no country code, and `country` is a country without telephone numbers of its own",
    "not a name",
    NO_CODE,
    "not a postal code",
    "the same as an identifier",
    "not an advertising id",
    "advertising id switched off",
}


@pytest.mark.parametrize("platform", PLATFORMS)
@given(rows=tables(), data=st.data())
@PROPERTY
def test_no_raw_identifier_is_in_the_file(platform, rows, data):
    details = pd.DataFrame([{"user": user, **row} for user, row in rows.items()], dtype=object)
    users = data.draw(st.lists(st.sampled_from([*rows, "nobody"]), min_size=1, unique=True))
    columns = PLATFORMS[platform].columns
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        try:
            found = write_social(users, details, platform, path, fields=[*columns], region="DE")
        except InputError:
            assert not list(Path(folder).iterdir())
            return
        header, written = read(path)
        assert b"\r" not in path.read_bytes()
    assert header == [column.header for column in columns.values()]
    assert len(found.cells) == len(users) - len(found.left_out)
    # Two users with the same details are one person.
    assert len(written) == len({tuple(cells) for cells in found.cells.values()})
    assert written == sorted(written)
    assert set(found.unusable["reason"]) <= REASONS
    given_users = [user for user in users if user in rows]
    postcodes = {user: " ".join((rows[user]["postcode"] or "").upper().split()) for user in rows}
    clear = {"country": COUNTRIES, "postcode": {postcodes[user] for user in given_users}}
    for cells in written:
        for cell, (name, column) in zip(cells, columns.items(), strict=True):
            assert cell == "" or (HASH.fullmatch(cell) if column.hashed else cell in clear[name])
    # Without the country, which is one of a known list, no cell is what it must not be.
    cells = {
        cell
        for row in written
        for cell, name in zip(row, columns, strict=True)
        if name != "country"
    }
    for user in given_users:
        of_others = {postcodes[other] for other in given_users if other != user}
        assert not cells & raw_spellings(user, rows[user]) - of_others


@given(at=st.lists(st.integers(0, 9), min_size=1, max_size=12))
@PROPERTY
def test_only_those_who_were_given_are_in_the_file_and_each_once(at):
    # An e-mail address of their own tells who is in the file.
    rows = [{"user": f"u{number}", "email": f"u{number}@example.org"} for number in range(10)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        write_social([f"u{number}" for number in at], contacts(*rows), "google", path)
        _, written = read(path)
    assert written == sorted([sha256(f"u{number}@example.org")] for number in set(at))


@given(local=LOCAL, number=st.from_regex("[1-9][0-9]{6}", fullmatch=True), blank=BLANKS)
@PROPERTY
def test_spellings_of_one_person_give_one_row(local, number, blank):
    address = f"{local}@example.org"
    rows = [
        {"user": "a", "email": address, "phone": f"+4930{number}", "first_name": "Val\u00e9ry"},
        {
            "user": "b",
            "email": blank + address.upper() + blank,
            "phone": f"(030) {number[:3]} {number[3:]}",
            "first_name": f"{blank}VALE\u0301RY",
        },
    ]
    fields = ["email", "phone", "first_name"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        found = write_social(["a", "b"], contacts(*rows), "meta", path, fields=fields, region="DE")
        _, written = read(path)
    assert found.unusable.empty
    expected = [sha256(address), sha256(f"4930{number}"), sha256("valéry")]
    assert written == [expected]


def test_the_order_of_the_log_does_not_show(tmp_path):
    rows = [{"user": f"u{at}", "email": f"u{at}@example.org"} for at in range(20)]
    users = [row["user"] for row in rows]
    for name, given_users in (("one", users), ("two", users[::-1])):
        write_social(given_users, contacts(*rows), "meta", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_address_of_somebody_who_opted_out_is_in_no_file_under_any_account(tmp_path):
    table = contacts(
        {"user": "out", "email": "Shared@example.org", "phone": "+4930123456"},
        {"user": "mail", "email": "shared@example.org "},
        {"user": "phone", "email": "own@example.org", "phone": "030 123456"},
        BOB,
    )
    file = tmp_path / "file.csv"
    found = write_social(
        ["mail", "phone", "bob"], table, "meta", file, region="DE", silent=["out", "unknown"]
    )
    assert read(file)[1] == [[sha256("bob@example.org"), ""]]
    assert found.left_out["user"].tolist() == ["mail", "phone"]
    assert set(found.left_out["reason"]) == {
        "shares an address or a number with somebody who opted out"
    }


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("said_no", ["j.doe+x@gmail.com", "JDoe@googlemail.com"])
def test_who_opted_out_is_told_of_in_no_spelling(tmp_path, platform, said_no):
    emails = ["jdoe@gmail.com", "J.Doe@googlemail.com", "jd.oe+y@gmail.com"]
    same = [{"user": str(number), "email": email} for number, email in enumerate(emails)]
    table = contacts({"user": "out", "email": said_no}, *same, BOB)
    file = tmp_path / "file.csv"
    found = write_social(["0", "1", "2", "bob"], table, platform, file, silent=["out"])
    assert read(file)[1] == [[sha256("bob@example.org")]]
    assert found.left_out["user"].tolist() == ["0", "1", "2"]


def test_accounts_of_one_person_are_one_row(tmp_path):
    table = contacts(BOB, {"user": "bob2", "email": "BOB@example.org"})
    write_social(["bob", "bob2"], table, "meta", tmp_path / "file.csv")
    assert len(read(tmp_path / "file.csv")[1]) == 1
