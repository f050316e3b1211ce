"""Keys that the machine holds, and what may not be taken for one."""

import stat

import pytest

from recsys.errors import InputError
from recsys.protection.keys import Key, key_named
from recsys.system.redaction import redact

SECRET = "7a" * 32
OTHER = "0b" * 32


@pytest.fixture
def key_file(tmp_path, monkeypatch):
    path = tmp_path / "users.key"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    monkeypatch.setenv("RECSYS_KEY_USERS_FILE", str(path))
    return path


def test_environment_file_and_command_give_one_key(monkeypatch, key_file):
    of_file = key_named("users")
    assert of_file.secret == SECRET.encode()
    monkeypatch.delenv("RECSYS_KEY_USERS_FILE")
    monkeypatch.setenv("RECSYS_KEY_USERS_COMMAND", f"cat '{key_file}'")
    assert key_named("users") == of_file
    monkeypatch.delenv("RECSYS_KEY_USERS_COMMAND")
    monkeypatch.setenv("RECSYS_KEY_USERS", f" {SECRET}")
    assert key_named("users", of_file.id) == of_file


def test_nothing_shows_a_key(monkeypatch):
    monkeypatch.setenv("RECSYS_KEY_USERS", SECRET)
    key = key_named("users")
    assert SECRET not in f"{key!r} {key.id} {key.derived('files').hex()}"
    assert redact(f"it was {SECRET}") == "it was ${RECSYS_KEY_USERS}"


def test_ids_and_derived_keys_differ():
    one, other = Key("users", SECRET.encode()), Key("users", OTHER.encode())
    assert len({one.id, other.id, one.derived("id").hex(), one.derived("files").hex()}) == 4
    assert len(one.derived("files")) == 32


def test_no_key_names_the_three_ways(monkeypatch):
    with pytest.raises(InputError, match=r"RECSYS_KEY_USERS to it, RECSYS_KEY_USERS_FILE"):
        key_named("users")
    with pytest.raises(InputError, match="not here with which the dataset x was made"):
        key_named("users", "0" * 16, "the dataset x")
    monkeypatch.setenv("RECSYS_KEY_USERS", SECRET)
    monkeypatch.setenv("RECSYS_KEY_USERS_COMMAND", "true")
    with pytest.raises(InputError, match="RECSYS_KEY_USERS and RECSYS_KEY_USERS_COMMAND: unset"):
        key_named("users")


def test_another_key_is_told_by_its_id(monkeypatch):
    monkeypatch.setenv("RECSYS_KEY_USERS", SECRET)
    wanted = Key("users", OTHER.encode()).id
    with pytest.raises(InputError, match=f"another key .* the dataset x was made .id {wanted}"):
        key_named("users", wanted, "the dataset x")


@pytest.mark.parametrize("text", ["", "short", "7a" * 15, f"{SECRET} {SECRET}"])
def test_what_is_not_a_key_is_not_shown(monkeypatch, key_file, text):
    key_file.write_text(text)
    with pytest.raises(InputError, match="at least 32 characters") as raised:
        key_named("users")
    assert not text or text not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_file_that_others_can_use_is_refused(key_file, mode):
    key_file.chmod(mode)
    with pytest.raises(InputError, match=f"mode {mode:o}.: `chmod 600") as raised:
        key_named("users")
    assert SECRET not in str(raised.value)
    assert stat.S_IMODE(key_file.stat().st_mode) == mode


def test_files_and_commands_that_fail_are_one_message(monkeypatch, key_file):
    key_file.unlink()
    with pytest.raises(InputError, match=r"users.key .RECSYS_KEY_USERS_FILE. cannot be read: No"):
        key_named("users")
    monkeypatch.delenv("RECSYS_KEY_USERS_FILE")
    for command, told in {
        f"sh -c 'echo {SECRET}; exit 3'": "ended with status 3",
        "no-such-program-of-recsys": "was not found",
        "'": "failed",
    }.items():
        monkeypatch.setenv("RECSYS_KEY_USERS_COMMAND", command)
        with pytest.raises(InputError, match=f"RECSYS_KEY_USERS_COMMAND {told}") as raised:
            key_named("users")
        assert SECRET not in str(raised.value)
