"""The report of a made-up run: what it says, escapes and refuses."""

import base64
import errno
import json
import os
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from recsys.errors import InputError
from recsys.reports import plots
from recsys.reports.report import write_report
from tests.reports.synthetic import EXPERIMENT, document, metrics_of, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


def rendered(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def changed(folder: Path, **changes: object) -> Path:
    """Replaces parts of ``metrics.json``; None takes one out."""
    metrics = document() | changes
    kept = {key: value for key, value in metrics.items() if value is not None}
    (folder / "metrics.json").write_text(json.dumps(kept))
    return folder


class Tags(HTMLParser):
    """Checks that tags nest, and collects what the page would load."""

    VOID = ("meta", "img", "link", "br", "source")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loaded = ("src", "srcset", "href")
        self.addresses += [value or "" for name, value in attrs if name in loaded]
        if tag == "img":
            assert dict(attrs)["alt"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_says_what_a_marketer_asks(run_folder: Path) -> None:
    page = rendered(run_folder)
    assert "<h1>tiny-lstm</h1>" in page
    assert "20.0 %" in page and "17.0 % to 23.0 %" in page
    assert "most popular items" in page
    assert "tiny-lstm is better than popular by 0.0425 ndcg@10." in page
    assert page.count("model is better") == 2
    assert page.count("no real difference") == 1
    assert "refitted 0.0467" in page or "refitted 0.0468" in page
    assert "0.0850" in page and "to 0.0978" in page
    for section in ("Leakage audit", "Data quality", "Examples", "How it learned", "Versions"):
        assert section in page
    assert "99,987" in page
    assert "What was left out" in page and "100,000 (0.0%) rows of the log (empty item 13)" in page
    assert "evaluated on 49 test events &lt;only&gt;" in page
    assert "as chosen on validation" in page
    assert "kind: lstm" in page


def test_is_one_well_formed_file_that_loads_nothing(run_folder: Path) -> None:
    tags = Tags()
    tags.feed(rendered(run_folder))
    assert tags.open == []
    assert len(tags.addresses) == 2 * 6  # on a white page and on a dark one
    assert all(address.startswith("data:image/svg+xml;base64,") for address in tags.addresses)


def test_escapes_what_came_from_the_log(run_folder: Path) -> None:
    (run_folder / "experiment.yaml").write_text(
        'name: "<b>bold</b>"\nevaluation: {metric: ndcg@10}'
    )
    page = rendered(run_folder)
    assert "<script>" not in page and "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_says_how_it_was_made_and_chosen(run_folder: Path) -> None:
    page = rendered(run_folder)
    assert "Of 8 epochs, number 6 was kept: it had the best ndcg@10 on the validation part" in page
    assert "no leak was found: no training event lies behind the cut" in page
    assert "46.0 % were never seen" in page
    assert f"recsys reproduce {run_folder}" in page
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td>([\d.]+)</td>\s*<td>([^<]*)</td>', page)
    assert rows == [
        ("prepare the log, or find it prepared", "3.2", "0.50"),
        ("train", "41.2", "1.12"),
        ("rank the test part, baselines too", "12.5", "1.25"),
    ]
    assert "The 4 most frequent of the" in page and "75.0 %" in page


def test_seeds_stand_side_by_side_once_there_are_several(tmp_path: Path) -> None:
    first, second, other = (write_run(tmp_path / "shop" / seed) for seed in "123")
    changed(second, test=metrics_of(1.2))
    (other / "experiment.yaml").write_text(EXPERIMENT.replace("dim: 16", "dim: 32"))
    page = rendered(first)
    seeds = page[page.index("<h2>Seeds</h2>") : page.index("What was left out, and")]
    # ndcg@10 is 0.085 and 0.102, and Student's t of two seeds is 12.7062.
    assert "0.0935" in seeds and "-0.0145 to 0.2015" in seeds and "0.0120" in seeds
    assert "seed 1" in seeds and "seed 2" in seeds and "seed 3" not in seeds
    assert "or are damaged: 3." in seeds
    assert "<h2>Seeds</h2>" not in rendered(other)


def test_a_dark_page_has_pictures_of_its_own(run_folder: Path) -> None:
    page = rendered(run_folder)
    dark, light = (
        [
            base64.b64decode(each).decode()
            for each in re.findall(rf'{name}="data:[^,]*,([^"]*)"', page)
        ]
        for name in ("srcset", "src")
    )
    assert len(dark) == len(light) == 6
    for one, other in zip(dark, light, strict=True):
        assert plots.DARK["#1b1d22"] in one and "#1b1d22" not in one
        assert "#1b1d22" in other
        assert ET.fromstring(one).tag == ET.fromstring(other).tag


def test_leaves_out_what_the_run_does_not_hold(run_folder: Path) -> None:
    (run_folder / "history.json").unlink()
    (run_folder / "examples.json").unlink()
    page = rendered(run_folder)
    assert "How it learned" not in page and "Examples" not in page
    (run_folder / "metrics.json").write_text(
        json.dumps({name: document()[name] for name in ("format", "test")})
    )
    tags = Tags()
    tags.feed(rendered(run_folder))
    assert tags.open == [] and len(tags.addresses) == 2 * 3


def test_no_interval_and_no_value(run_folder: Path) -> None:
    test = document()["test"]
    test["ndcg@10"] = {"value": 0.1, "low": None, "high": None, "warning": "one user alone"}
    test["hit_rate@10"] = {"value": 0.5, "low": None, "high": None}
    test["novelty@10"] = {"value": None, "low": None, "high": None}
    page = rendered(changed(run_folder, test=test))
    assert "one user alone" in page
    assert "n/a" in page
    assert not re.search(r"\bnan\b|\bNone\b", re.sub(r"base64,[^\"]*", "", page))


def test_equal_runs_give_equal_reports(run_folder: Path) -> None:
    assert rendered(run_folder) == rendered(run_folder)


@pytest.mark.parametrize("name", ["metrics.json", "experiment.yaml"])
def test_a_missing_document(run_folder: Path, name: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(InputError, match=f"has no {name}"):
        write_report(run_folder)


@pytest.mark.parametrize("name", ["metrics.json", "experiment.yaml", "history.json"])
def test_a_damaged_document(run_folder: Path, name: str) -> None:
    (run_folder / name).write_text('{"test": [')
    with pytest.raises(InputError, match=f"{name} is damaged"):
        write_report(run_folder)


def test_metrics_that_belong_elsewhere(run_folder: Path) -> None:
    with pytest.raises(InputError, match="no test metrics"):
        write_report(changed(run_folder, test=None))
    (run_folder / "experiment.yaml").write_text("name: x\nevaluation: {metric: recall@50}")
    with pytest.raises(InputError, match="no test recall@50"):
        write_report(changed(run_folder))


def test_a_full_disk_leaves_the_old_report(run_folder: Path, monkeypatch) -> None:
    before = rendered(run_folder)
    files = sorted(run_folder.iterdir())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(run_folder)
    assert sorted(run_folder.iterdir()) == files
    assert (run_folder / "report.html").read_text() == before
