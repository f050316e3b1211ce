"""What programs read of a command: one JSON object a line, and nothing else."""

import io
import json

import jsonschema
import pytest

from recsys.runs.console import lines_shown, warn
from recsys.runs.events import Done, EventLine, are_heard, emit, events_written
from tests.commands import recsys
from tests.finished_runs import write_experiment, write_finished_run


@pytest.fixture
def runs(tmp_path):
    write_finished_run(tmp_path / "runs", write_experiment(tmp_path), seed=1)
    return tmp_path / "runs"


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_events_and_lines_for_people_are_written_while_somebody_listens(capsys):
    stream = io.StringIO()
    emit(Done(path="before"))
    with lines_shown(), events_written(stream):
        assert are_heard()
        emit(Done(path="runs/shop/1", metrics={"ndcg@10": {"value": float("inf")}}))
        warn("  12 rows were left out")
    emit(Done(path="after"))
    assert not are_heard()
    done, message = lines(stream.getvalue())
    assert done["path"] == "runs/shop/1" and done["metrics"]["ndcg@10"]["value"] is None
    assert message == {"event": "message", "level": "warning", "text": "12 rows were left out"}
    assert "12 rows were left out" in capsys.readouterr().err


def test_every_line_is_as_the_schema_says(runs):
    done = recsys("list", "--json", "--runs-dir", str(runs))
    (run,) = lines(done.stdout)
    assert (run["event"], run["name"], run["seed"], run["state"]) == ("run", "shop", 1, "finished")
    schema = EventLine.model_json_schema()
    jsonschema.validate(run, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(run | {"state": "asleep"}, schema)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nowhere.yaml", "--json"], "nowhere.yaml"),
        (["list", "--json", "--runs-dir", "nowhere"], "nowhere is not a folder"),
        (["compare", "nowhere", "elsewhere", "--json"], "nowhere"),
        (["run", "--json", "--sideways"], "not known"),
    ],
)
def test_what_is_wrong_is_an_event_too(tmp_path, arguments, said):
    done = recsys(*arguments, cwd=tmp_path)
    (error,) = lines(done.stdout)
    assert done.returncode == error["status"] == 2 and error["event"] == "error"
    assert said in error["message"] and done.stderr
