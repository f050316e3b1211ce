"""Registered models: served by us as their alias moves, and by MLflow without any of our code."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from recsys import tracking
from recsys.serving.metrics import Metrics
from recsys.serving.source import find_source
from recsys.serving.versions import Versions
from recsys.tracking import store

pytestmark = pytest.mark.slow
# A machine that has MLflow and TensorFlow but none of our code: `mlflow models serve` and
# `mlflow models predict`, by the functions that the commands call.
SERVE = """
import json
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("recsys", "tf_keras", "tensorflow_recommenders"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
import mlflow
from mlflow.cli import cli
from mlflow.pyfunc import scoring_server
from starlette.testclient import TestClient

folder, asked, predicted = sys.argv[1:]
client = TestClient(scoring_server.init(mlflow.pyfunc.load_model(folder)))

def invoke(body):
    response = client.post("/invocations", json=body)
    return [response.status_code, response.json()]

command = ["models", "predict", "-m", folder, "-i", asked, "-o", predicted, "-t", "json"]
cli([*command, "--env-manager", "local"], standalone_mode=False)
print(json.dumps({
    "split": invoke({"dataframe_split": {
        "columns": ["history", "exclude"], "data": [[["apple"], ["fig"]], [[], []]]
    }}),
    "records": invoke({"dataframe_records": [{"history": ["apple"]}]}),
    "wrong": invoke({"dataframe_records": [{"histories": ["apple"]}]}),
}))
"""


@pytest.fixture(scope="module")
def registered(models, tmp_path_factory, empty_store):
    """A runs folder with a registered model of two versions, and MLflow's client of it."""
    from mlflow.tracking import MlflowClient

    runs = tmp_path_factory.mktemp("registered")
    shutil.copy(empty_store, runs / "mlflow.db")
    config = tracking.TrackingConfig(system_metrics_interval=0)
    for seed, name in (("1", "lstm"), ("2", "eventful")):
        folder = runs / "tiny" / seed
        with tracking.start(
            config, folder, runs, "tiny", {"task": "recommendation"}, {"seed": seed}
        ) as tracker:
            tracker.log_model(models[name] / "1", {"history": [["apple", "fig"]]})
    uri = store.local_uri(runs)
    return runs, MlflowClient(uri, registry_uri=uri)


def test_an_alias_that_moves_is_followed(registered):
    runs, client = registered
    client.set_registered_model_alias("tiny", "champion", "1")
    source = find_source("models:/tiny@champion", runs)
    versions = Versions(source, {}, Metrics())
    assert source.name == "tiny" and versions.newest.number == "1"
    assert [versions.refresh(), versions.refresh()] == [False, False]
    assert versions.newest.recommender.event_inputs == []
    client.set_registered_model_alias("tiny", "champion", "2")
    assert [versions.refresh(), versions.refresh()] == [False, True]
    assert versions.newest.number == "2"
    assert versions.newest.recommender.event_inputs == ["what", "price"]
    client.set_registered_model_alias("tiny", "champion", "1")
    assert [versions.refresh(), versions.refresh()] == [False, True]
    assert versions.newest.number == "1"
    client.delete_registered_model_alias("tiny", "champion")
    assert [versions.refresh(), versions.refresh()] == [False, False]
    assert versions.newest.number == "1"


def test_mlflow_serves_it_without_our_code(registered, versions, tmp_path):
    runs, _ = registered
    from mlflow.artifacts import download_artifacts

    with store.active_store(store.local_uri(runs)):
        folder = download_artifacts("models:/tiny/1", dst_path=str(tmp_path / "model"))
    asked, predicted = tmp_path / "asked.json", tmp_path / "predicted.json"
    asked.write_text('{"dataframe_records": [{"history": ["apple", "fig"]}]}')
    done = subprocess.run(
        [sys.executable, "-c", SERVE, folder, str(asked), str(predicted)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout.splitlines()[-1])

    def answer_of(signature, **inputs):
        given = {name: np.array(value, object) for name, value in inputs.items()}
        found = versions.newest.recommender.call(signature, given)
        kept = found["item_id"][0] != b""
        scores = found["score"][0][kept].tolist()
        items = [item.decode() for item in found["item_id"][0][kept]]
        return {"item_id": items, "score": pytest.approx(scores, abs=1e-5)}

    excluding = answer_of("recommend_excluding", history=[["apple"]], exclude=[["fig"]])
    newcomer = answer_of("serving_default", history=[[]])
    assert answers["split"] == [200, {"predictions": [excluding, newcomer]}]
    plain = answer_of("serving_default", history=[["apple"]])
    assert answers["records"] == [200, {"predictions": [plain]}]
    status, error = answers["wrong"]
    assert status == 400 and "history" in error["message"]
    both = answer_of("serving_default", history=[["apple", "fig"]])
    assert json.loads(predicted.read_text()) == {"predictions": [both]}
