"""`recsys data check`, as a command and as a call."""

import pytest
import yaml

import recsys
from recsys.errors import InputError
from tests.commands import recsys as command


def test_the_command_prints_findings_and_names_the_page(run, work):
    done = command("data", "check", "circle.yaml", cwd=work)
    assert done.returncode == 0, done.stderr
    document, _, paths = done.stdout.partition("rows left out: ")
    found = yaml.safe_load(document)
    assert list(found) == ["findings", "quality", "split"]
    assert found["quality"]["rows_read"] == 1200
    page = work / paths.splitlines()[1].removeprefix("page: ")
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_a_log_beyond_its_limits_is_refused_by_every_command(run, work):
    limit = "data.limits.item_drift=0"
    for words in (["data", "check"], ["prepare"], ["run"]):
        done = command(*words, "circle.yaml", limit, "--runs-dir", "limited", cwd=work)
        assert done.returncode == 2 and "`data.limits.item_drift` is 0" in done.stderr, words
        assert "Traceback" not in done.stderr
    assert list((work / "limited").glob("circle*")) == []


def test_a_day_against_a_run_and_against_its_dataset(run, data, work):
    lines = (work / "log.csv").read_text().splitlines()
    day = [line.replace(",i1", ",new") for line in lines[1:200]]
    (work / "day.csv").write_text("\n".join([lines[0], *day]))
    of_day = {"data.log.path": "day.csv", "data.limits.unknown_items": 0.1}
    by_run = recsys.check_data("circle.yaml", of_day, against=run.path, output="day.html")
    by_data = recsys.check_data("circle.yaml", of_day, against=data.path)
    assert by_run.page.name == "day.html" and by_run.page.is_file()
    assert by_data.comparisons.equals(by_run.comparisons)
    # The dataset was made with a table of items, which the experiment does not name.
    errors = by_run.findings[by_run.findings.severity == "error"]
    assert set(errors.check) == {"features", "unknown_items"}
    assert "DataCheck(" in repr(by_run)
    with pytest.raises(InputError, match=r"day\.csv is beyond 1 of the limits.*unknown_items"):
        by_run.refuse()


def test_what_is_neither_a_run_nor_a_dataset(run, work):
    with pytest.raises(InputError, match=r"holds neither a run .* nor a prepared dataset"):
        recsys.check_data("circle.yaml", against=work)
