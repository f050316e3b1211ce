"""An artefact is what was exported, or what is not is named."""

import shutil

import pytest

from recsys.api.loading import find_model
from recsys.errors import InputError
from recsys.export.manifest import FILE
from tests.commands import recsys
from tests.damage import flip
from tests.key_pairs import key_pair

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(find_model(run.path, run.path, "verify"), tmp_path / "model" / "1")


def test_a_run_a_folder_of_versions_and_a_version_are_verified(run, copy):
    for path in (run.path, run.path / "model", run.path / "model" / "1", copy.parent, copy):
        done = recsys("verify", str(path))
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        assert said[0].startswith(f"{copy if path in (copy, copy.parent) else run.path}")
        assert "files, " in said[2] and said[2].endswith("(SHA-256); no other is there")
        assert said[3] == "signature: none"
        assert said[4].startswith("gate passed: scores of 64 probes within")
        assert "as evaluated, on " in said[4] and "(budget: none)" in said[5]


def test_every_file_that_is_damaged_is_named(copy):
    names = [each.relative_to(copy).as_posix() for each in copy.rglob("*") if each.is_file()]
    assert len(names) > 5
    for name in names:
        content = (copy / name).read_bytes()
        flip(copy / name)
        done = recsys("verify", str(copy))
        assert done.returncode == 2 and f"{name} is damaged" in done.stderr, name
        assert "Traceback" not in done.stderr and not done.stdout
        (copy / name).write_bytes(content)
    for name in names:
        if name != FILE:
            flip(copy / name)
    done = recsys("verify", str(copy))
    assert done.stderr.count("is damaged") == len(names) - 1


def test_files_that_are_missing_or_were_added_are_named(copy):
    (copy / "saved_model.cpb").touch()
    (copy / "variables" / "variables.index").unlink()
    done = recsys("verify", str(copy))
    assert done.returncode == 2
    assert "variables/variables.index is missing; saved_model.cpb was not exported" in done.stderr


def test_what_is_signed_is_checked_with_the_public_key(copy, tmp_path, monkeypatch):
    (private, public), (_, other) = key_pair(tmp_path / "a"), key_pair(tmp_path / "b")
    done = recsys("verify", str(copy), "--key", str(public))
    assert done.returncode == 2 and "is not signed" in done.stderr
    done = recsys("sign", str(copy), "--key", str(private))
    assert (done.returncode, done.stdout) == (0, f"{copy / 'assets.extra' / 'model.sig'}\n")
    done = recsys("verify", str(copy), "--key", str(public))
    assert done.returncode == 0 and f"signature: holds, by the key {public}" in done.stdout
    assert "signature: not checked: give the public key" in recsys("verify", str(copy)).stdout
    monkeypatch.setenv("RECSYS_VERIFY_KEY", str(other))
    done = recsys("verify", str(copy))
    assert done.returncode == 2 and "was made with another key" in done.stderr


def test_what_cannot_be_signed_is_refused(copy, tmp_path):
    private, _ = key_pair(tmp_path / "a")
    done = recsys("sign", "models:/average@champion", "--key", str(private))
    assert done.returncode == 2 and "registry" in done.stderr
    flip(copy / "saved_model.pb")
    done = recsys("sign", str(copy), "--key", str(private))
    assert done.returncode == 2 and "saved_model.pb is damaged" in done.stderr
    assert not (copy / "assets.extra" / "model.sig").exists()


def test_what_is_not_a_model_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in {"none": "no folder", "file": "is a file", ".": "holds neither"}.items():
        with pytest.raises(InputError, match=reason):
            find_model(tmp_path / path, tmp_path, "verify")
