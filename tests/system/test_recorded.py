"""Which files of a folder are done, and whether they still are."""

import pytest

from recsys.errors import Damaged
from recsys.system.recorded import RecordedFiles
from tests.damage import DAMAGES, flip

MEND = "Run it again"


@pytest.fixture
def one(tmp_path):
    return tmp_path / "one.json"


@pytest.fixture
def files(tmp_path, one):
    files = RecordedFiles(tmp_path, MEND)
    with files.making(one):
        one.write_text('{"a": 1}')
    return files


def test_what_was_made_is_done(files, one, tmp_path):
    assert files.hold(one) and files.all_hold(one) and files.held(one, '{"a": 1}')
    assert RecordedFiles(tmp_path, MEND).hold(one)
    assert files.read(one, ["a"]) == {"a": 1}


def test_what_was_not_made_to_its_end_is_not(files, one, tmp_path):
    other = tmp_path / "other.json"
    with pytest.raises(RuntimeError), files.making(one, other):
        other.write_text("{")
        raise RuntimeError
    assert not files.hold(one) and not files.hold(other)
    # As if it had been killed: nothing is said to be damaged.
    assert not files.altered(one) and not files.altered(other)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_not_done_and_named(files, one, caplog, damage):
    damage(one)
    assert files.altered(one) and files.held(one, '{"a": 1}')
    assert not files.hold(one) and not files.all_hold()
    assert "one.json is damaged" in caplog.text and "it is made again" in caplog.text
    with pytest.raises(Damaged, match=r"one.json is damaged .*\. Run it again"):
        files.read(one)


def test_what_was_removed_is_not_done(files, one, caplog):
    one.unlink()
    assert not files.hold(one) and not caplog.text


def test_a_file_that_nobody_recorded_is_read_unchecked(files, tmp_path):
    (tmp_path / "experiment.yaml").write_text("name: x")
    assert files.read(tmp_path / "experiment.yaml", ["name"]) == {"name": "x"}
    assert not files.hold(tmp_path / "experiment.yaml")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_says_nothing(files, one, caplog, damage):
    damage(files.manifest)
    assert not files.hold(one) and not files.altered(one)
    with pytest.raises(Damaged, match=r"manifest\.json is"):
        files.checked(one)
    files.forget_if_damaged()
    assert "what it lists is made again" in caplog.text
    with files.making(one):
        one.write_text("{}")
    assert files.hold(one)


def test_a_whole_manifest_is_kept(files, one, caplog):
    files.forget_if_damaged()
    assert files.hold(one) and not caplog.text


def test_all_else_counts_too(files, one, tmp_path):
    other = tmp_path / "other.json"
    with files.making(other):
        other.write_text("{}")
    flip(one)
    assert files.hold(other) and not files.all_hold(other)
