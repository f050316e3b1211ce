"""What trained a run."""

import pytest

from recsys.runs import provenance
from recsys.system.processor import processor_name


@pytest.fixture
def folder(folder):
    folder.path.mkdir(parents=True)
    return folder


def test_this_process():
    found = provenance.here()
    assert found["device"] == processor_name()
    assert found["versions"]["recsys"] and found["versions"]["keras"]
    assert set(found) == {"device", "backend", "versions", "commit"}


def test_a_process_is_written_down_once(folder, monkeypatch):
    provenance.record(folder)
    provenance.record(folder)
    (first,) = provenance.recorded(folder)
    monkeypatch.setattr(provenance, "commit", lambda: "fedcba9")
    provenance.record(folder)
    found = provenance.recorded(folder)
    assert found[0] == first and len(found) == 2
    assert found[1]["commit"] == "fedcba9"


def test_a_damaged_file_is_begun_again(folder, caplog):
    provenance.record(folder)
    folder.provenance.write_text("[]")
    assert provenance.recorded(folder) == []
    assert "damaged" in caplog.text
    provenance.record(folder)
    assert len(provenance.recorded(folder)) == 1
