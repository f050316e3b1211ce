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


def test_what_surrounds_the_training_is_kept(folder, monkeypatch, caplog):
    surroundings = {"python": "3", "packages": {}, "digest": "abc", "commit": "0123abc+changes"}
    monkeypatch.setattr(provenance, "environment", lambda folder: surroundings)
    monkeypatch.setattr(provenance, "uncommitted", lambda folder: "-old\n+new\n")
    provenance.record(folder)
    assert folder.files.checked(folder.uncommitted).read_text() == "-old\n+new\n"
    assert folder.uncommitted.stat().st_mode & 0o077 == 0
    assert provenance.tags(folder) == {}  # not trained yet
    folder.checkpoints.mkdir()
    with folder.files.making(folder.timing):
        folder.write_json(folder.timing, {"train_seconds": 12.34, "peak_memory_gib": 1.5})
    assert provenance.tags(folder) == {
        "mlflow.source.git.commit": "0123abc",
        "uncommitted_changes": "true",
        "environment": "abc",
        "device": processor_name(),
        "train_seconds": "12.3",
        "peak_memory_gib": "1.50",
    }
    surroundings["commit"] = None  # of no checkout, though recsys may come from one
    with folder.files.making(folder.environment):
        folder.write_json(folder.environment, surroundings)
    assert not {"mlflow.source.git.commit", "uncommitted_changes"} & provenance.tags(folder).keys()
    surroundings["commit"] = "0123abc+changes"
    monkeypatch.setattr(provenance, "uncommitted", lambda folder: None)
    monkeypatch.setattr(provenance, "commit", lambda: "fedcba9")
    provenance.record(folder)
    assert not folder.uncommitted.exists() and "is not kept with the run" in caplog.text
