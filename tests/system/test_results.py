"""What a run found, and which version wrote it."""

import json

import pytest

from recsys.errors import Damaged
from recsys.system.recorded import RecordedFiles
from recsys.system.results import FORMAT, are_current, read_results


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"test": {}},
            "has no number of a format, this version of recsys reads 1: another version",
        ),
        ({"test": {}, "format": 9}, "has results format 9, this version of recsys reads 1"),
        ([], "has no number of a format"),
        ({"format": FORMAT}, "no 'test'"),
    ],
)
def test_results_of_another_version_are_one_message(tmp_path, document, said):
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps(document))
    with pytest.raises(Damaged, match=rf"metrics\.json .*{said}.*\. Run the experiment again"):
        read_results(RecordedFiles(tmp_path, "Run the experiment again"), file, ["test"])


def test_results_of_this_version_are_read(tmp_path):
    file, files = tmp_path / "metrics.json", RecordedFiles(tmp_path, "Mend it")
    assert not are_current(files, file)
    file.write_text(json.dumps({"format": FORMAT, "test": {"a": 1}}))
    assert read_results(files, file, ["test"])["test"] == {"a": 1} and are_current(files, file)
    file.write_text(json.dumps({"format": FORMAT + 1}))
    assert not are_current(files, file)
