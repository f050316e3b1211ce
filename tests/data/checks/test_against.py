"""A new day against what a model was trained on, by hand."""

import pytest

from recsys.data.checks.against import against_findings, compare
from recsys.data.limits import LimitsConfig
from recsys.data.prepare.config import DataConfig, WholeLogConfig
from recsys.data.prepare.prepare import prepare
from tests.data.conftest import COLUMNS, RELATIVE, SMALL_LOG

HEADER, *GOOD = SMALL_LOG.splitlines()
ITEMS = "id,brand,price\nx,acme,1\ny,acme,2\nz,zeta,3\nw,,4\nnew,novel,40\n"
# In two of three events from the web, in one from the app.
DEVICES = ("web", "web", "app")


@pytest.fixture
def datasets(write, tmp_path):
    """The dataset of a log, of which training is the first half, and that of a day alone."""
    write("items.csv", ITEMS)

    def prepare_both(day, devices=DEVICES):
        lines = [f"{line},{DEVICES[n % 3]}" for n, line in enumerate(GOOD)]
        write("log.csv", "\n".join([f"{HEADER},device", *lines]))
        of_day = [f"{line},{devices[n % 3]}" for n, line in enumerate(day)]
        write("day.csv", "\n".join([f"{HEADER},device", *of_day]))

        def config(name):
            log = {"path": str(tmp_path / name), "columns": COLUMNS, **RELATIVE,
                   "features": {"device": "categorical"}}  # fmt: skip
            features = {"brand": "categorical", "price": "numeric"}
            items = {"path": str(tmp_path / "items.csv"), "key": "id", "features": features}
            split = {"kind": "time", "validation_quantile": 0.5, "test_quantile": 0.75}
            return DataConfig.model_validate(
                {"log": log, "items": items, "split": split, "minimum_user_events": 3}
            )

        day_config = WholeLogConfig.of(config("day.csv"))
        folder = tmp_path / "datasets"
        return prepare(day_config, folder), prepare(config("log.csv"), folder)

    return prepare_both


def compared(day, reference):
    return {each.name: each for each in compare(day, reference, "train")}


def test_a_log_against_itself(datasets):
    day, reference = datasets(GOOD[:5])
    assert day.manifest.part_events == {"train": 5, "validation": 0, "test": 0}
    found = compared(day, reference)
    assert set(found) == {
        "items", "hours of the day in UTC", "item feature 'brand'", "item feature 'price'",
        "event feature 'device'",
    }  # fmt: skip
    assert all(each.distance == pytest.approx(0) and each.new == 0 for each in found.values())
    findings = against_findings(day, reference, "train", [*found.values()], LimitsConfig())
    assert findings == []


def test_a_day_of_its_own(datasets):
    """Training: a has x, y, z and b has x, z. The day: a has x and new twice, c has new."""
    day, reference = datasets(["a,x,200", "a,new,201", "c,new,202", "a,new,203"], ("tv", "tv", ""))
    found = compared(day, reference)
    assert found["items"].distance == pytest.approx(0.75)
    assert found["items"].farthest == "'new': 0.0% before, 75.0% now"
    brand = found["item feature 'brand'"]
    # Of acme, zeta, novel: 3, 2 and 0 of 5 before, and 1, 0 and 3 of 4 now.
    assert (brand.distance, brand.new) == (pytest.approx(0.75), pytest.approx(0.75))
    device = found["event feature 'device'"]
    assert (device.distance, device.new) == (1.0, 1.0)
    assert (device.missing, device.missing_before) == (0.25, 0.0)
    assert found["item feature 'price'"].distance > 0.5
    assert found["item feature 'price'"].farthest == "mean 2 before, 30.25 now"
    limits = LimitsConfig(unknown_items=0.7, missing_increase=0.3)
    findings = against_findings(day, reference, "train", [*found.values()], limits)
    by_check = {finding.check: finding for finding in findings}
    items = by_check["unknown_items"]
    assert (items.count, items.of, items.severity) == (3, 4, "error")
    assert items.example == "'new' (3)" and findings[0] is items
    users = by_check["unknown_users"]
    assert (users.count, users.of, users.severity) == (1, 4, "warning")
    assert by_check["missing_increase"].value == 0.25
    assert by_check["missing_increase"].severity == "warning"


def test_what_training_saw_is_what_counts(datasets):
    """`w` appears first in validation."""
    day, reference = datasets(["a,w,200", "b,x,201"])
    for part, share in (("train", 0.5), ("validation", None)):
        found = against_findings(day, reference, part, [], LimitsConfig())
        unknown = [f.value for f in found if f.check == "unknown_items"]
        assert unknown == ([share] if share else [])


def test_features_that_only_one_of_them_has(datasets, write, tmp_path):
    _, reference = datasets(GOOD)
    log = {"path": str(tmp_path / "day.csv"), "columns": COLUMNS, **RELATIVE}
    plain = prepare(WholeLogConfig.of(DataConfig.model_validate({"log": log})), tmp_path / "more")
    found = against_findings(plain, reference, "train", compare(plain, reference, "train"),
                             LimitsConfig())  # fmt: skip
    told = {f.what: f.example for f in found if f.check == "features"}
    assert told == {
        "features of items that one dataset does not have, or as another kind": "'brand', 'price'",
        "features of events that one dataset does not have, or as another kind": "'device'",
    }
