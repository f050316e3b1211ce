"""A run that is made in one go takes up its folder, and any other is refused."""

import pytest

from recsys.errors import InputError
from recsys.experiment.differences import is_within
from recsys.runs.claim import Claim
from recsys.runs.folder import RunFolder
from recsys.system.wording import as_typed

DOCUMENT = {"name": "mine", "period": {"days": 30}, "tracking": {"enabled": True}}


def claim(folder: RunFolder, document=DOCUMENT) -> Claim:
    return Claim(
        folder,
        document,
        decides=lambda key: not is_within(key, ["tracking"]),
        begun=folder.metrics,
        what="another answer",
    )


def test_what_does_not_decide_may_change(folder, dataset):
    claim(folder).take(dataset)
    folder.metrics.touch()
    claim(folder, {**DOCUMENT, "tracking": {"enabled": False}}).take(dataset)
    assert folder.files.read(folder.experiment)["tracking"] == {"enabled": False}


def test_what_decides_may_change_until_there_is_something_to_lose(folder):
    other = claim(folder, {**DOCUMENT, "period": {"days": 7}})
    claim(folder).take(None)
    other.take(None)
    assert folder.files.read(folder.experiment)["period"] == {"days": 7}
    folder.metrics.touch()
    differs = r"holds another answer \(it differs in period\.days\)\. Choose another "
    with pytest.raises(InputError, match=f"{differs}name=…, or .* with overwrite=True"):
        claim(folder).take(None)
    with as_typed(), pytest.raises(InputError, match=f"{differs}--name, or .* with --overwrite"):
        claim(folder).take(None)
    claim(folder).take(None, overwrite=True)
    assert not folder.metrics.exists()


def test_a_run_without_a_log_records_none(folder):
    claim(folder).take(None)
    assert folder.experiment.is_file() and not folder.dataset_record.exists()


def test_a_link_is_not_overwritten(tmp_path, begun):
    link = RunFolder(tmp_path / "my-experiment" / "2")
    link.path.symlink_to(begun.path)
    with pytest.raises(InputError, match=r"is a link to .*Remove the link"):
        claim(link).take(None, overwrite=True)
    assert begun.experiment.is_file()
