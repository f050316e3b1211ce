"""Signatures of whole folders: one for what was signed, by whom it was signed, and no other."""

import logging
import shutil

import pytest

from recsys.errors import Damaged, InputError
from recsys.export.recommend import Recommender
from recsys.export.signature import FILE, check_signature, sign, signing_key, signing_key_in
from recsys.system.redaction import redact
from tests.damage import DAMAGES
from tests.key_pairs import key_pair


@pytest.fixture
def folder(tmp_path):
    """Stands in for a version's folder."""
    folder = tmp_path / "model" / "1"
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "manifest.json").write_text("{}")
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


@pytest.fixture
def keys(tmp_path):
    return key_pair(tmp_path / "release")


@pytest.fixture
def signed(folder, keys):
    assert sign(folder, signing_key_in(keys[0])) == folder / FILE
    return folder


def test_what_was_signed_holds_wherever_it_lies(signed, keys, tmp_path):
    check_signature(signed, keys[1])
    check_signature(shutil.copytree(signed, tmp_path / "elsewhere"), keys[1])


def test_signing_again_replaces_the_signature(signed, keys, tmp_path):
    private, public = key_pair(tmp_path / "new")
    sign(signed, signing_key_in(private))
    check_signature(signed, public)
    assert [file.name for file in (signed / FILE).parent.iterdir() if "sig" in file.name] == [
        "model.sig"
    ]
    with pytest.raises(InputError, match=r"model\.sig was made with another key than .*release"):
        check_signature(signed, keys[1])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["saved_model.pb", "assets.extra/manifest.json"])
def test_a_changed_file_is_named(signed, keys, name, damage):
    damage(signed / name)
    with pytest.raises(Damaged, match=rf"not what was signed \(changed: {name}\)"):
        check_signature(signed, keys[1])


@pytest.mark.parametrize("name", ["saved_model.cpb", ".gitignore"])
def test_a_file_that_was_added_is_named(signed, keys, name):
    (signed / name).touch()
    with pytest.raises(Damaged, match=rf"\(added: {name}\)"):
        check_signature(signed, keys[1])


def test_a_missing_file_is_named(signed, keys):
    (signed / "saved_model.pb").unlink()
    with pytest.raises(Damaged, match=r"\(missing: saved_model\.pb\)"):
        check_signature(signed, keys[1])


def test_any_flipped_byte_of_the_signature_is_noticed(signed, keys):
    content = (signed / FILE).read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1
        (signed / FILE).write_bytes(flipped)
        with pytest.raises(InputError, match=r"model\.sig (is|was made with another key .* or is)"):
            check_signature(signed, keys[1])


def test_a_missing_signature_is_refused(folder, keys):
    with pytest.raises(InputError, match=r"is not signed .* `recsys sign`"):
        check_signature(folder, keys[1])


def test_what_is_not_a_key_is_refused(signed, keys, tmp_path):
    private, public = keys
    with pytest.raises(InputError, match=r"release\.key is not a public key"):
        check_signature(signed, private)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        check_signature(signed, tmp_path / "none.pub")
    public.chmod(0o600)
    with pytest.raises(InputError, match=r"release\.pub is not a private key"):
        signing_key_in(public)
    private.chmod(0o640)
    with pytest.raises(InputError, match="may be read or written by others"):
        signing_key_in(private)


def test_an_encrypted_key_says_so(tmp_path):
    file = tmp_path / "e.key"
    file.touch(0o600)
    file.write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n-----END ENCRYPTED PRIVATE KEY-----"
    )
    with pytest.raises(InputError, match="as it is encrypted: expected the PEM text"):
        signing_key_in(file)


def test_the_environment_holds_the_key_that_a_setting_names(signed, keys, monkeypatch):
    with pytest.raises(InputError, match=r"RECSYS_KEY_RELEASE to it.*openssl ecparam"):
        signing_key("release")
    monkeypatch.setenv("RECSYS_KEY_RELEASE_FILE", str(keys[0]))
    assert signing_key("release") == keys[0].read_text()
    monkeypatch.delenv("RECSYS_KEY_RELEASE_FILE")
    monkeypatch.setenv("RECSYS_KEY_RELEASE", keys[0].read_text())
    sign(signed, signing_key("release"))
    check_signature(signed, keys[1])
    assert "BEGIN" not in redact(f"it was {keys[0].read_text()}")


def test_an_export_is_signed_with_the_key_that_it_names(exports, tmp_path):
    """The exporting process finds it in its environment; no key is in the manifest."""
    folder, public = exports["context"].folder, exports["context"].request.model_folder.parent
    check_signature(folder, public / "release.pub")
    assert exports["context"].manifest["experiment"] == {"name": "tiny"}
    assert FILE not in exports["context"].manifest["files"]


def test_a_model_is_asked_only_if_it_is_signed_where_a_key_is_configured(
    exports, keys, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "recsys")
    folder, public = exports["context"].folder, exports["context"].request.model_folder.parent
    Recommender(folder)
    Recommender(exports["lstm"].folder)
    assert not caplog.records
    monkeypatch.setenv("RECSYS_VERIFY_KEY", str(public / "release.pub"))
    Recommender(folder)
    assert [each.getMessage() for each in caplog.records] == [
        f"{folder}: signed with the key of {public / 'release.pub'}, and unchanged since"
    ]
    with pytest.raises(InputError, match="is not signed"):
        Recommender(exports["lstm"].folder)
    with pytest.raises(InputError, match="another key"):
        Recommender(folder, key=keys[1])
