"""The page of a data check: what it says, escapes, and who may read it."""

import stat

import pytest

from recsys.data.checks.against import Comparison
from recsys.data.checks.finding import Finding
from recsys.data.prepare.findings import Quality
from recsys.reports.data_check import summary, write_data_check
from tests.datasets import checkerboard
from tests.reports.test_report import Tags

ODD = Finding("mixed_ids", "warning", "item ids with <b>", 2, 8, "'<script>'", "`data.log.where`")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    dataset = checkerboard(tmp_path_factory.mktemp("log") / "dataset")
    dataset.manifest.quality.update(vars(Quality(rows_read=50, rows_kept=dataset.events)))
    dataset.manifest.quality["notes"] = ["set `data.log.quote`"]
    return dataset


def test_the_page_stands_alone_and_is_its_owners(dataset, tmp_path):
    compared = Comparison("items", "L-infinity", 0.25, "'x': 1.0% before", 0.5, 0.0, 0.0)
    path = write_data_check(tmp_path / "a.html", "shop", dataset, [ODD], [compared], "runs/a/0")
    page = path.read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == [] and tags.addresses
    assert all(address.startswith("data:image/svg+xml") for address in tags.addresses)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "1 warning." in page and "<h1>shop</h1>" in page and "against runs/a/0" in page
    assert "&lt;script&gt;" in page and "<script>" not in page and "with &lt;b&gt;" in page
    assert "<code>data.log.where</code>" in page and "set <code>data.log.quote</code>" in page
    assert "25.0 %" in page and "0.2500" in page and "50.0 %" in page


def test_a_page_of_nothing_odd(dataset, tmp_path):
    page = write_data_check(tmp_path / "a.html", "shop", dataset, []).read_text()
    assert "Nothing odd was found." in page and "<h2>Findings</h2>" not in page
    assert "Distributions" not in page


def test_findings_are_counted_in_words():
    error = Finding("features", "error", "", 1, 1)
    assert summary([error, error, ODD]) == "2 errors, 1 warning."
