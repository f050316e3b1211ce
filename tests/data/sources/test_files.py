"""The files of a source."""

from recsys.data.sources.files import find_files

CSV = "user,item\na,x\n"


def test_names_for_messages_hold_no_secret(monkeypatch, scratch):
    monkeypatch.setattr("recsys.data.sources.files.download", lambda *_: str(scratch / "log.csv"))
    (scratch / "log.csv").write_text(CSV)
    files = find_files("https://me:secret@shop.org/log.csv?signature=x", scratch)
    assert str(files) == files.names[0] == "https://***@shop.org/log.csv?signature=***"


def test_folder_glob_and_list_are_sorted(write, scratch, tmp_path):
    for name in ("log/b.csv", "log/a.csv", "log/_SUCCESS", "log/.hidden.csv", "log/notes.md"):
        write(name, CSV)
    expected = (str(tmp_path / "log/a.csv"), str(tmp_path / "log/b.csv"))
    assert find_files(str(tmp_path / "log"), scratch).paths == expected
    assert find_files(str(tmp_path / "log/[ab].csv"), scratch).paths == expected
    assert find_files(list(expected[::-1]), scratch).paths == expected[::-1]


def test_fingerprint_follows_the_content_alone(write, scratch):
    first = find_files(str(write("a.csv", CSV)), scratch).fingerprint
    assert find_files(str(write("b.csv", CSV)), scratch).fingerprint == first
    assert find_files(str(write("a.csv", CSV + "b,y\n")), scratch).fingerprint != first
