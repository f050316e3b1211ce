import os

import pytest

from recsys.marketing.versions import fingerprint, keep_version, versions


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
    assert not list(tmp_path.glob(".draft*"))


def test_what_a_killed_process_left_is_taken_away(tmp_path):
    (tmp_path / ".draft-x").mkdir()
    (tmp_path / ".draft-x" / "messages.parquet").touch()
    keep_version(tmp_path, "mark", lambda draft: None)
    assert sorted(each.name for each in tmp_path.iterdir()) == [".lock", "1"]
