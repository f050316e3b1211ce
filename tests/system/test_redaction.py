"""Secrets of addresses: what is shown of them, and how they are found in messages."""

import pytest

from recsys.errors import InputError
from recsys.system import redaction
from recsys.system.redaction import redact, remember_address, remember_value, shown_address


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(redaction, "_shown", {})


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://alice:hunter2@host:8443/log.csv", "https://***@host:8443/log.csv"),
        ("https://TOKEN@host/log.csv", "https://***@host/log.csv"),
        ("https://TOKEN:@host/", "https://***@host/"),
        # passwords that were not quoted as an address wants it
        ("https://alice:hun/t#er?2@host/log.csv?sig=a/b", "https://***@host/log.csv?sig=***"),
        ("s3://key:sec/ret@bucket/log.csv", "s3://***@bucket/log.csv"),
        ("https://alice:p@ss@host/x", "https://***@host/x"),
        # parameters: what is not known to be harmless is a secret
        (
            "https://b.s3.amazonaws.com/log.csv?X-Amz-Credential=AK%2F1&X-Amz-Signature=ab&versionId=3",
            "https://b.s3.amazonaws.com/log.csv?X-Amz-Credential=***&X-Amz-Signature=***&versionId=3",
        ),
        ("https://h/x?sv=2026;se=2027;sig=a%3D", "https://h/x?sv=***;se=***;sig=***"),
        ("https://h/x?format=csv&key=AIzaSy", "https://h/x?format=csv&key=***"),
        ("https://h/x?file=" + "a" * 40, "https://h/x?file=***"),
        ("https://h/x?AIzaSy", "https://h/x?***"),
        ("https://h/x?download", "https://h/x?download"),
        ("https://h/x#access_token=1", "https://h/x#***"),
        ("${BASE}/x?sig=ab", "${BASE}/x?sig=***"),
        ("zip://a.csv::https://u:p@h/x.zip?k=v", "zip://a.csv::https://***@h/x.zip?k=***"),
        ("postgresql://me:pw@db:5432/mlflow?password=x", "postgresql://***@db:5432/mlflow?password=***"),
        # what comes from the environment is no secret as it is written
        ("https://${USER}:${PASSWORD}@host/x", "https://${USER}:${PASSWORD}@host/x"),
        ("https://alice:${PASSWORD}@host/x?sig=${SIG}", "https://alice:${PASSWORD}@host/x?sig=${SIG}"),
        ("https://${HOST}:${PORT}/x@2.csv", "https://${HOST}:${PORT}/x@2.csv"),
        ("${ADDRESS}", "${ADDRESS}"),
        # nothing to hide
        ("s3://bucket/part-?.csv", "s3://bucket/part-?.csv"),
        ("gs://bucket/a#b.csv", "gs://bucket/a#b.csv"),
        ("https://host:8080/a@b/log.csv", "https://host:8080/a@b/log.csv"),
        ("data/part-?=1.csv", "data/part-?=1.csv"),
        ("C:\\logs\\a@b.csv", "C:\\logs\\a@b.csv"),
        ("sqlite:////runs/mlflow.db", "sqlite:////runs/mlflow.db"),
    ],
)  # fmt: skip
def test_what_is_shown_of_an_address(address, shown):
    assert shown_address(address) == shown
    assert shown_address(shown) == shown


def test_addresses_within_a_message():
    said = "404, url='https://u:hunter2@h/x?X-Amz-Signature=ab12', see https://docs.example/page."
    assert redact(said) == (
        "404, url='https://***@h/x?X-Amz-Signature=***', see https://docs.example/page."
    )


@pytest.mark.parametrize(
    "spelling", ["s3cret/w=rd ü!", "s3cret%2Fw%3Drd%20%C3%BC%21", "s3cret/w%3Drd%20%C3%BC%21",
                 "s3cret%2Fw%3Drd+%C3%BC%21", "s3cret/w=rd \\xfc!"]
)  # fmt: skip
def test_what_came_from_the_environment_is_shown_by_its_name(spelling):
    remember_value("s3cret/w=rd ü!", "${SECRET}")
    assert redact(f"cannot open xx{spelling}yy") == "cannot open xx${SECRET}yy"


def test_a_word_is_not_looked_for_within_others():
    remember_value("data", "${BUCKET}")
    remember_value("a", "${SHORT}")
    assert redact("s3://data/a: the dataset") == "s3://${BUCKET}/a: the dataset"


def test_a_literal_password_is_found_without_its_address():
    remember_address("ftp://alice:hunter2 @host/log.csv")
    assert redact("login 'hunter2 ' refused") == "login '***' refused"
    assert redact("of ftp://alice:hunter2 @host/log.csv") == "of ftp://***@host/log.csv"


def test_no_message_of_ours_shows_a_secret():
    remember_value("hunter2!", "${SECRET}")
    said = InputError("https://me:pw@h/x cannot be reached with hunter2!")
    assert str(said) == said.args[0] == "https://***@h/x cannot be reached with ${SECRET}"
