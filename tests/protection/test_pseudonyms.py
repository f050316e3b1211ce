"""Test vectors of pseudonyms, and how ids that people give become them."""

import pytest

import recsys
from recsys.errors import InputError
from recsys.protection.keys import Key
from recsys.protection.pseudonyms import Pseudonyms, pseudonyms_of, stored_id

KEY = "0123456789abcdef0123456789abcdef"
# Made by `printf %s ID | openssl dgst -sha256 -hmac KEY`; also in docs/guides/protection.md.
VECTORS = {
    "u1": "39536bc0c20e6efcd22ec30bb96eec5aff9be6a37fe8e9db166b4cc950c94e7e",
    "17850": "3611394a44c6460d6b3d57b38e3a210e7e24171bfd6b828b26c42711b0767631",
    "Zoë": "64bd0b89f9500306e666f1a29148521b83cdc43874181e432eb134a708c2b67a",
}


@pytest.mark.parametrize("user", VECTORS)
def test_vectors(user):
    assert recsys.pseudonym(user, KEY) == VECTORS[user]


def test_an_id_has_one_pseudonym_however_it_is_written():
    for spelled in (17850, 17850.0, " 17850", "17850.0"):
        assert recsys.pseudonym(spelled, KEY) == VECTORS["17850"]
    assert recsys.pseudonym("u1", f"{KEY}\n") == VECTORS["u1"]
    with pytest.raises(InputError, match="empty"):
        recsys.pseudonym(" ", KEY)
    with pytest.raises(InputError, match="at least 32 characters"):
        recsys.pseudonym("u1", "short")


def test_the_key_is_asked_for_once_an_id_needs_it(monkeypatch):
    made_with = Pseudonyms(Key("users", KEY.encode())).as_document()
    stored = stored_id(made_with, {VECTORS["u1"]}, "the dataset x")
    assert stored(VECTORS["u1"]) == VECTORS["u1"]
    with pytest.raises(InputError, match="the key 'users' is not here with which the dataset x"):
        stored("u1")
    monkeypatch.setenv("RECSYS_KEY_USERS", KEY)
    assert stored("u1") == VECTORS["u1"]
    assert pseudonyms_of(made_with, "the dataset x").of("Zoë") == VECTORS["Zoë"]


def test_without_pseudonyms_ids_stay():
    assert stored_id(None, (), "the dataset x")("u1") == "u1"
    assert pseudonyms_of(None, "the dataset x") is None
