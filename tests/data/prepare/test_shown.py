"""What a dataset shows of itself."""

import pytest

from recsys.data.feature import Feature
from recsys.data.prepare.shown import as_html, as_text
from tests.data.conftest import SMALL_LOG


@pytest.fixture
def dataset(write, prepared):
    return prepared(write("log.csv", SMALL_LOG + ",x,109\n"))


def test_as_text(dataset):
    assert repr(dataset) == as_text(dataset.manifest, dataset.path)
    assert repr(dataset).splitlines() == [
        f"Dataset {dataset.fingerprint}: 10 events, 2 users, 4 items",
        "              events  users  items  days",
        "  train            5      2      3  1970-01-01 to 1970-01-01",
        "  validation       2      2      2  1970-01-01 to 1970-01-01",
        "  test             3      2      2  1970-01-01 to 1970-01-01",
        "  split: time (validation_quantile 0.5, test_quantile 0.75)",
        "  left out: 1 of 11 rows of the log (9.1%): empty user 1; see "
        f"{dataset.path / 'quarantine.parquet'}",
        "  never seen in training: 1 of 2 test items (50.0%)",
    ]


def test_as_html(dataset):
    feature = Feature(name="brand", kind="categorical")
    settings = {"split": {"kind": "<b>fixed</b>"}}
    manifest = dataset.manifest.model_copy(
        update={"item_features": (feature,), "settings": settings, "has_items": False}
    )
    html = as_html(manifest, dataset.path)
    assert html.startswith(f"<div><strong>Dataset {dataset.fingerprint}</strong>: 10 events")
    assert "2 users, no items" in html
    assert "<tr><td>validation</td><td>2</td><td>2</td><td>2</td>" in html
    assert (
        "<li>split: &lt;b&gt;fixed&lt;/b&gt;</li><li>item features: brand (categorical)</li>"
        in html
    )
    assert dataset._repr_html_() == as_html(dataset.manifest, dataset.path)
