"""What the core asks of the tasks of marketing."""

import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment.task import load_task
from recsys.marketing import tasks
from recsys.marketing.results.task_run import TaskRun


@pytest.mark.parametrize("name", ["propensity", "sentiment"])
def test_the_core_finds_them_by_name(name, tmp_path):
    assert load_task(name, tmp_path / "a.yaml") is tasks.TASKS[name]


def written(folder, document):
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump({"name": "x", **document}))
    return path


def test_a_wrong_setting_is_refused_before_a_backend_is_started(prediction, tmp_path):
    document = yaml.safe_load((prediction / "experiment.yaml").read_text())
    path = written(tmp_path, document)
    tasks.propensity.check(path)
    with pytest.raises(InputError, match="days"):
        tasks.propensity.load(path, ["propensity.period.days=-1"])


def test_the_log_is_that_of_the_data_section(prediction, data, tmp_path):
    document = yaml.safe_load((prediction / "experiment.yaml").read_text())
    assert tasks.propensity.data(written(tmp_path, document)).log == data.log
    table = {"task": "propensity", "table": {"path": "users.csv", "label": "left"}}
    with pytest.raises(InputError, match="reads a table and not a log: it has no `data` section"):
        tasks.propensity.data(written(tmp_path, table))
    reviews = {"task": "sentiment", "reviews": {"path": "r.csv", "columns": COLUMNS}}
    with pytest.raises(InputError, match="reads reviews and not a log: it has no `data` section"):
        tasks.sentiment.data(written(tmp_path, reviews))


COLUMNS = {"user": "u", "item": "i", "time": "t", "text": "x", "stars": "s"}


def test_a_finished_run_is_found_done(prediction):
    document = yaml.safe_load((prediction / "experiment.yaml").read_text())
    before = (prediction / "metrics.json").stat().st_mtime_ns
    path = written(prediction.parent, document)
    found = tasks.propensity.run(path, [], "buys", prediction.parents[1])
    assert found == TaskRun(prediction)
    assert (prediction / "metrics.json").stat().st_mtime_ns == before
    assert f"report: {prediction / 'report.html'}" in found.summary()
    assert "MLflow" not in found.summary()  # it is not tracked
    path.unlink()
