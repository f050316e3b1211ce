import pytest

from recsys.marketing.versions import find_version, fingerprint, new_version, versions


def write(folder, mark, text="x"):
    with new_version(folder, mark) as version:
        (version / "file.txt").write_text(text)


def test_each_content_has_its_number(tmp_path):
    for number in range(11):
        write(tmp_path, fingerprint(number), str(number))
    assert [each.name for each in versions(tmp_path)] == [str(place) for place in range(1, 12)]
    assert (find_version(tmp_path, fingerprint(9)) / "file.txt").read_text() == "9"
    assert find_version(tmp_path, fingerprint("another")) is None


def test_a_version_that_fails_leaves_nothing(tmp_path):
    write(tmp_path, "a")
    with pytest.raises(OSError), new_version(tmp_path, "b") as version:
        (version / "half.txt").write_text("")
        raise OSError("disk full")
    assert [each.name for each in versions(tmp_path)] == ["1"]
    assert not list(tmp_path.glob(".draft*"))
