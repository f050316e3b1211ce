"""What a person is told of a log that was prepared."""

import pytest

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.findings import findings
from recsys.runs.preparation import prepare_dataset
from tests.data.conftest import COLUMNS, SMALL_LOG

# The last row of the log again, and three that cannot be used.
ROWS = SMALL_LOG + "b,x,109\n" + ",x,1\n,y,1\na,x,soon\n"
BEARABLE = {"max_quarantined": 0.9}


def test_rows_left_out_by_reason_and_rows_that_repeat(write, prepared):
    dataset = prepared(write("log.csv", ROWS), log=BEARABLE)
    where = dataset.path / "quarantine.parquet"
    assert findings(dataset.manifest, where) == [
        f"left out: 3 of 14 rows of the log (21.4%): empty user 2, unparseable time 1; see {where}",
        "1 of 11 rows (9.1%) repeats another one in every column that is read, and was kept "
        "(`data.repeats: first` keeps one of each)",
    ]


def test_the_event_type_and_the_value_tell_rows_apart(write, prepared):
    text = "user,item,time,event,value\n" + "".join(
        f"{line},view,1\n{line},buy,1\n{line},buy,2\n" for line in SMALL_LOG.splitlines()[1:]
    )
    log = {
        "columns": {**COLUMNS, "event": "event", "value": "value"},
        "event_weights": {"view": 1, "buy": 1},
    }
    assert prepared(write("log.csv", text), log=log).manifest.quality["exact_repeats"] == 0
    log["columns"] = {**COLUMNS, "event": "event"}
    assert prepared(write("log.csv", text), log=log).manifest.quality["exact_repeats"] == 10
    log = {"columns": COLUMNS}
    assert prepared(write("log.csv", text), log=log).manifest.quality["exact_repeats"] == 20


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"repeats": "first", "split": {"kind": "time", "validation_quantile": 0.3}},
            [
                "1 of 11 rows (9.1%) repeats another one in every column that is read, and was "
                "left out as a repeat",
                "left out: 3 repeats of the same user, item and event type (`data.repeats: first`)",
                "never seen in training: 1 of 1 test items (100.0%)",
            ],
        ),
        (
            {"minimum_item_events": 3},
            [
                "1 of 14 rows (7.1%) repeats another one in every column that is read, and was "
                "kept (`data.repeats: first` keeps one of each)",
                "removed: 6 events of items with fewer than 3 events",
            ],
        ),
    ],
)
def test_events_that_were_asked_to_be_left_out(write, prepared, settings, said):
    text = SMALL_LOG + "b,x,109\n"
    if "minimum_item_events" in settings:
        text += "a,v,103\nb,v,104\na,v,110\n"
    dataset = prepared(write("log.csv", text), **settings)
    assert findings(dataset.manifest)[-len(said) :] == said


def test_it_is_said_again_of_a_dataset_that_is_only_opened(write, prepared, tmp_path, caplog):
    dataset = prepared(write("log.csv", ROWS), log=BEARABLE)
    config = DataConfig.model_validate(dataset.manifest.settings)
    assert prepare_dataset(config, tmp_path).fingerprint == dataset.fingerprint
    for line in findings(dataset.manifest, dataset.path / "quarantine.parquet"):
        assert f"  {line}" in caplog.messages
    caplog.clear()
    prepare_dataset(config, tmp_path, brief=True)
    assert "left out" not in caplog.text
