"""What the artefact says of itself."""

import hashlib

import pytest

from recsys.errors import InputError
from recsys.export.manifest import FILE, read_manifest
from recsys.export.titles import read_titles


def test_checksums_cover_every_other_file(exports):
    folder, manifest = exports["lstm"].folder, exports["lstm"].manifest
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == {FILE, *manifest["files"]}
    for name, file in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    size = manifest["gate"]["footprint"]["size_bytes"]
    assert size == sum(file["bytes"] for file in manifest["files"].values())


def test_it_names_data_experiment_and_metrics(exports):
    manifest = exports["lstm"].manifest
    assert manifest["data"] == {
        "fingerprint": "f" * 16,
        "fitted_part": "train",
        "pseudonyms": None,
        "encryption": None,
    }
    assert manifest["experiment"] == {"name": "tiny"}
    assert manifest["metrics"]["test"]["ndcg@10"]["value"] == 0.1
    assert manifest["model"] == {
        "k": 20,
        "seen": "exclude",
        "dim": 8,
        "max_events": 5,
        "catalogue_items": 8,
        "event_inputs": [],
    }


def test_it_names_the_inputs_with_a_value_an_event(exports):
    found = {
        name: exports[name].manifest["model"]["event_inputs"] for name in ("timed", "eventful")
    }
    assert found == {"timed": ["history_time"], "eventful": ["what", "price"]}


def test_it_describes_the_signatures(exports):
    signatures = exports["two_tower"].manifest["signatures"]
    assert sorted(signatures) == [
        "embed_items",
        "embed_query",
        "recommend_excluding",
        "recommend_filtered",
        "serving_default",
    ]
    text = {"dtype": "string", "shape": [None]}
    assert signatures["serving_default"]["inputs"] == {
        "history": {"dtype": "string", "shape": [None, None]},
        "user_id": text,
        "city": text,
        "bio": text,
        "tags": {"dtype": "string", "shape": [None, None]},
        "age": {"dtype": "float32", "shape": [None]},
        "taste": {"dtype": "float32", "shape": [None, 2]},
    }
    assert signatures["embed_items"]["outputs"] == {
        "embedding": {"dtype": "float32", "shape": [None, 8]}
    }


def test_nothing_temporary_is_left_beside_the_version(exports):
    assert [p.name for p in exports["lstm"].folder.parent.iterdir()] == ["1"]


def test_titles_are_there_where_they_differ_from_the_id(exports):
    assert read_titles(exports["lstm"].folder) == {"apple": "An apple"}


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="not an exported model"):
        read_manifest(tmp_path)
