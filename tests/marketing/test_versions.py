import json
import os
import stat
import subprocess

import pytest

from recsys.errors import Damaged
from recsys.marketing.versions import (
    RECORD,
    checked,
    fingerprint,
    keep_version,
    read_version,
    versions,
)
from tests.damage import DAMAGES


def keep(folder, content):
    return keep_version(
        folder, fingerprint(content), lambda draft: (draft / "file.txt").write_text(str(content))
    )


def test_each_content_has_its_number(tmp_path):
    for number in range(11):
        keep(tmp_path, number)
    assert [each.name for each in versions(tmp_path)] == [str(place) for place in range(1, 12)]
    again = keep(tmp_path, 9)
    assert again.name == "10" and (again / "file.txt").read_text() == "9"
    assert len(versions(tmp_path)) == 11


@pytest.mark.parametrize(
    ("umask", "folder_mode", "file_mode"), [(0o077, 0o700, 0o600), (0o002, 0o775, 0o664)]
)
def test_who_may_look_at_it_is_for_the_umask_to_say(tmp_path, umask, folder_mode, file_mode):
    before = os.umask(umask)
    try:
        version = keep(tmp_path / "spring", "a")
    finally:
        os.umask(before)
    assert [each.stat().st_mode & 0o777 for each in (version.parent, version)] == [folder_mode] * 2
    assert (version / "file.txt").stat().st_mode & 0o777 == file_mode


def test_a_version_that_fails_leaves_nothing(tmp_path):
    keep(tmp_path, "a")

    def fail(draft):
        (draft / "half.txt").write_text("")
        raise OSError("disk full")

    with pytest.raises(OSError):
        keep_version(tmp_path, "b", fail)
    assert [each.name for each in versions(tmp_path)] == ["1"]
    assert [each.name for each in tmp_path.iterdir()] == ["1"]


def test_what_a_killed_process_left_is_taken_away(tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    leftover = tmp_path / f".{killed.pid}-7"
    leftover.mkdir()
    (leftover / "messages.parquet").touch()
    keep_version(tmp_path, "mark", lambda draft: None)
    assert [each.name for each in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize("damage", [*DAMAGES, lambda path: path.unlink()])
def test_a_damaged_file_is_refused_and_made_again_in_its_place(tmp_path, caplog, damage):
    keep(tmp_path, "a")
    version = keep(tmp_path, "content")
    (version / "uplift.json").write_text("{}")  # what is added since is not of the version
    damage(version / "file.txt")
    with pytest.raises(Damaged, match=r"file\.txt is (damaged|missing).*recsys campaign build"):
        checked(version, "file.txt")
    assert keep(tmp_path, "content") == version
    assert "file.txt is missing or damaged: it is made again" in caplog.text
    assert checked(version, "file.txt").read_text() == "content"
    assert (version / "uplift.json").read_text() == "{}"
    assert [each.name for each in versions(tmp_path)] == ["1", "2"]


@pytest.mark.parametrize("damage", [*DAMAGES, lambda path: path.unlink()])
def test_a_version_of_which_nobody_knows_is_not_taken_for_another(tmp_path, caplog, damage):
    version = keep(tmp_path, "content")
    damage(version / RECORD)
    with pytest.raises(Damaged, match=r"version\.json is"):
        checked(version, "file.txt")
    assert keep(tmp_path, "content").name == "2"
    assert "it is not known what version it is" in caplog.text


def test_documents_of_another_program(tmp_path):
    (tmp_path / "campaign.json").write_text('{"campaigns": []}')
    with pytest.raises(Damaged, match=r"version\.json is missing"):
        read_version(tmp_path, "campaign.json", ["at"])
    version = keep_version(
        tmp_path / "kept",
        "mark",
        lambda draft: (draft / "a.json").write_text(json.dumps({"format": 1})),
    )
    (version / "campaign.json").write_text("{}")
    with pytest.raises(Damaged, match="is not of a version that recsys built"):
        read_version(version, "campaign.json", ["at"])
    with pytest.raises(Damaged, match="no 'at'"):
        read_version(version, "a.json", ["at"])


def documented(folder, format, mark="mark"):
    document = {} if format is None else {"format": format}

    def write(draft):
        (draft / "a.json").write_text(json.dumps(document))
        (draft / "rows.csv").write_text(f"{format}")

    return keep_version(folder, mark, write, "a.json")


@pytest.mark.parametrize("other", [None, 2])
def test_what_another_version_of_recsys_wrote_is_refused_and_made_again(tmp_path, caplog, other):
    version = documented(tmp_path, other)
    said = "no number of a format" if other is None else "format 2"
    with pytest.raises(Damaged, match=rf"a.json has {said}, this version of recsys reads 1.*Build"):
        read_version(version, "a.json", [])
    assert documented(tmp_path, 1) == version
    assert "another version of recsys wrote it: it is made again" in caplog.text
    assert read_version(version, "a.json", []) == {"format": 1}
    assert checked(version, "rows.csv").read_text() == "1"


def test_tables_are_closed_to_others_when_they_are_made_and_made_again(tmp_path):
    version = documented(tmp_path, 1)
    (version / "rows.csv").write_text("lost")
    for made in (version, documented(tmp_path, 1)):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()}
        assert modes["rows.csv"] == 0o600
        assert modes["a.json"] & 0o077 == 0o044 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
