"""What files held, and whether they still do."""

import hashlib
import json

import pytest

from recsys.errors import Damaged
from recsys.system.manifests import (
    FileRecord,
    as_document,
    as_files,
    check,
    damaged,
    describe,
    files_in,
    read_manifest,
    write_folder_manifest,
    write_manifest,
)
from tests.damage import DAMAGES, empty, flip

MEND = "Make it again"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "within").mkdir()
    (tmp_path / "one.bin").write_bytes(b"one")
    (tmp_path / "within" / "two.bin").write_bytes(b"two two")
    return tmp_path


def test_sizes_and_digests(folder):
    files = describe(folder, files_in(folder))
    assert files == {
        "one.bin": FileRecord(bytes=3, sha256=hashlib.sha256(b"one").hexdigest()),
        "within/two.bin": FileRecord(bytes=7, sha256=hashlib.sha256(b"two two").hexdigest()),
    }
    assert as_files(as_document(files), folder, MEND) == files
    assert damaged(folder, files) == []
    check(folder, files, MEND)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named(folder, damage):
    files = describe(folder, files_in(folder))
    damage(folder / "within" / "two.bin")
    assert damaged(folder, files) == ["within/two.bin"]
    with pytest.raises(Damaged, match=r"two.bin is damaged .*\. Make it again"):
        check(folder, files, MEND)


def test_a_missing_file_is_named(folder):
    files = describe(folder, files_in(folder))
    (folder / "one.bin").unlink()
    with pytest.raises(Damaged, match=r"one.bin is missing\. Make it again"):
        check(folder, files, MEND)


def test_sizes_alone_do_not_read(folder):
    files = describe(folder, files_in(folder))
    flip(folder / "one.bin")
    assert damaged(folder, files, content=False) == []
    empty(folder / "one.bin")
    assert damaged(folder, files, content=False) == ["one.bin"]


DOCUMENT = {"name": "café", "share": 0.1, "numbers": (1, 2), "none": None, "by": {"a": 1}}


def test_a_manifest_is_read_back(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, DOCUMENT)
    assert read_manifest(path, MEND) == {**DOCUMENT, "numbers": [1, 2]}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_refused(tmp_path, damage):
    path = tmp_path / "manifest.json"
    write_manifest(path, DOCUMENT)
    damage(path)
    with pytest.raises(Damaged, match=r"manifest.json is .*\. Make it again"):
        read_manifest(path, MEND)


def test_a_changed_manifest_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, DOCUMENT)
    path.write_text(json.dumps({**json.loads(path.read_text()), "share": 0.2}))
    with pytest.raises(Damaged, match="damaged"):
        read_manifest(path, MEND)


def test_a_folders_manifest_lists_all_but_itself(folder):
    for _ in range(2):
        write_folder_manifest(folder, "manifest.json", {"name": "x"})
    document = read_manifest(folder / "manifest.json", MEND)
    assert document["name"] == "x" and list(document["files"]) == ["one.bin", "within/two.bin"]


@pytest.mark.parametrize("files", [None, [], {"one.bin": {}}, {"one.bin": {"bytes": "3"}}])
def test_what_lists_no_files(tmp_path, files):
    with pytest.raises(Damaged):
        as_files(files, tmp_path / "manifest.json", MEND)
