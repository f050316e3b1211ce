"""Tracking against real MLflow stores: SQLite, a server on the loopback, and silence."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from recsys import tracking
from recsys.errors import InputError
from recsys.export import manifest, signature
from recsys.tracking import record, store
from tests.damage import flip
from tests.key_pairs import key_pair
from tests.tracking.proxy import Proxy

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
CONFIG = tracking.TrackingConfig(system_metrics_interval=0)
USER, PASSWORD = "administrator", "long enough for MLflow"
PARAMS = {"name": "tiny", "model": {"dim": 8, "query": {"kind": "lstm"}}, "note": "x" * 9000}

# Signatures and padding as the export's, answers that need no training.
MAKE_SAVED_MODEL = """
import sys
from pathlib import Path

import tensorflow as tf

from recsys.system.manifests import write_folder_manifest

IDS = tf.TensorSpec([None, None], tf.string)

class Echo(tf.Module):
    def answer(self, history, history_time, price, what, first):
        rows = tf.shape(history)[0]
        ids = tf.stack([first, tf.fill([rows], "crème"), tf.fill([rows], "")], axis=1)
        passed = tf.cast(history_time[:, -1:] - history_time[:, :1], tf.float32)
        paid = tf.where(tf.math.is_nan(price), 0.0, price)
        passed += tf.reduce_sum(paid, axis=1, keepdims=True)
        passed += tf.cast(tf.math.count_nonzero(what == "buy", axis=1, keepdims=True), tf.float32)
        scores = tf.tile([[2.0, 1.0, -float("inf")]], [rows, 1])
        return {"item_id": ids, "score": scores + passed}

    @tf.function
    def recommend(self, history, history_time, price, what, user_id, age, taste):
        known = tf.where(user_id == "", "nobody", user_id)
        first = tf.where(tf.math.is_nan(age), known, tf.as_string(age))
        return self.answer(history, history_time, price, what, first)

    @tf.function
    def excluding(self, history, history_time, price, what, user_id, age, taste, exclude):
        excluded = tf.strings.reduce_join(exclude, axis=1)
        return self.answer(history, history_time, price, what, excluded)

    @tf.function
    def filtered(self, history, history_time, price, what, user_id, age, taste, exclude, genre,
                 size):
        told = tf.concat([genre, exclude, tf.as_string(size, precision=1)], axis=1)
        told = tf.strings.reduce_join(told, axis=1, separator=" ")
        return self.answer(history, history_time, price, what, told)

echo = Echo()
inputs = {
    "history": IDS,
    "history_time": tf.TensorSpec([None, None], tf.int64),
    "price": tf.TensorSpec([None, None], tf.float32),
    "what": IDS,
    "user_id": tf.TensorSpec([None], tf.string),
    "age": tf.TensorSpec([None], tf.float32),
    "taste": tf.TensorSpec([None, 2], tf.float32),
}
tf.saved_model.save(echo, sys.argv[1], signatures={
    "serving_default": echo.recommend.get_concrete_function(**inputs),
    "recommend_excluding": echo.excluding.get_concrete_function(**inputs, exclude=IDS),
    "recommend_filtered": echo.filtered.get_concrete_function(
        **inputs, exclude=IDS, genre=IDS, size=tf.TensorSpec([None, 2], tf.float32)
    ),
})
folder = Path(sys.argv[1])
(folder / "assets.extra").mkdir()
event_inputs = ["history_time", "price", "what"]
filters = {"genre": {"kind": "values"}, "size": {"kind": "range"}}
document = {"model": {"event_inputs": event_inputs}, "filters": filters}
write_folder_manifest(folder, "assets.extra/manifest.json", document)
"""

# Stands in for a machine that has TensorFlow and MLflow but none of our code.
LOAD_REGISTERED = """
import json
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("recsys", "tf_keras", "tensorflow_recommenders"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
import mlflow
import pandas as pd

mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
full = pd.DataFrame({
    "history": [["a", "b"], []],
    "history_time": [[1_700_000_000, 1_700_000_003], None],
    "price": [[0.5, float("nan")], None],
    "what": [["buy", ""], None],
    "user_id": ["zoë", None],
    "age": [None, 4.0],
    "taste": [[0.5, 0.5], None],
})
without = pd.DataFrame({"history": [["a"]], "exclude": [["x", "y"]]})
filtered = pd.DataFrame({
    "history": [["a"], ["a"], []],
    "genre": [["tea", "rye"], None, []],
    "size": [[2, None], None, [1.5, 3.0]],
})
print(json.dumps({
    "full": model.predict(full).to_dict("list"),
    "least": model.predict(pd.DataFrame({"history": [["a"], ["a", "b"]]})).to_dict("list"),
    "without": model.predict(without).to_dict("list"),
    "filtered": model.predict(filtered).to_dict("list"),
    "inputs": model.metadata.signature.inputs.to_dict(),
}))
"""
EXAMPLE = {
    "history": [["a", "b"]],
    "history_time": [[1_700_000_000, 1_700_000_060]],
    "price": [[0.5, 1.5]],
    "what": [["view", "buy"]],
    "user_id": ["u"],
    "age": [31.5],
    "taste": [[0.1, 0.2]],
    "genre": [["tea"]],
    "size": [[0.5, 9.0]],
}


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "1"
    subprocess.run([sys.executable, "-c", MAKE_SAVED_MODEL, folder], check=True)
    return folder


@pytest.fixture
def runs_dir(tmp_path, empty_store):
    (tmp_path / "runs").mkdir()
    shutil.copy(empty_store, tmp_path / "runs" / "mlflow.db")
    return tmp_path / "runs"


@pytest.fixture
def run_folder(runs_dir):
    return runs_dir / "tiny" / "42"


@pytest.fixture
def closed_port():
    return _free_port()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def protected(tmp_path_factory, empty_store):
    """The address of an MLflow server that starts on the loopback, behind MLflow's passwords."""
    folder, port = tmp_path_factory.mktemp("server"), _free_port()
    shutil.copy(empty_store, folder / "mlflow.db")
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\n"
        f"admin_username = {USER}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--port", str(port)),
        *("--app-name", "basic-auth"),
        *("--host", "127.0.0.1", "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    environment = os.environ | {
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test",
    }
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _healthy(address):
            assert process.poll() is None, (folder / "log.txt").read_text()[-2000:]
            assert time.monotonic() < deadline, "the MLflow server did not start"
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def server(protected, monkeypatch):
    """That server's address, where the environment says who is asking."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    return protected


def _healthy(address):
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def begin(run_folder, runs_dir, config=CONFIG):
    return tracking.start(config, run_folder, runs_dir, "tiny-42", PARAMS, {"seed": "42"})


def client_and_run(uri, run_folder, key=record.LOCAL):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri, registry_uri=uri)
    return client, client.get_run(record.read(run_folder)[key])


def curve(client, run, key):
    return [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]


def test_a_run_can_be_read_back(run_folder, runs_dir, tmp_path):
    (tmp_path / "report.html").write_text("<p>fine</p>")
    with begin(run_folder, runs_dir) as tracker:
        for epoch in range(3):
            tracker.log_metrics({"train": {"loss": 1.0 / (epoch + 1)}}, epoch)
        tracker.log_metrics({"test": {"ndcg@10": {"value": 0.25, "low": 0.2}, "text": "no"}}, 3)
        tracker.log_dataset("log", "f" * 64, runs_dir / "datasets")
        tracker.log_artifact(tmp_path / "report.html")

    client, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "tiny-42"
    said = client.get_experiment(run.info.experiment_id).tags["mlflow.note.content"]
    assert "Which run is best" in said
    assert run.data.params["model.query.kind"] == "lstm"
    assert len(run.data.params["note"]) == 500
    assert run.data.tags["seed"] == "42"
    assert run.data.tags["data_fingerprint"] == "f" * 64
    assert run.inputs.dataset_inputs[0].dataset.name == "log"
    assert curve(client, run, "train/loss") == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert run.data.metrics["test/ndcg_at_10"] == 0.25
    assert run.data.metrics["test/ndcg_at_10/low"] == 0.2
    assert "test/text" not in run.data.metrics
    artefacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert artefacts == {"experiment.yaml", "report.html"}
    assert run.info.artifact_uri.startswith((runs_dir / "mlartifacts").resolve().as_uri())


def test_a_continued_run_appends_and_repeats_nothing(run_folder, runs_dir):
    with pytest.raises(RuntimeError), begin(run_folder, runs_dir) as tracker:
        tracker.log_dataset("log", "abc", runs_dir)
        tracker.log_metrics({"loss": 1.0}, 0)
        tracker.log_metrics({"loss": 0.5}, 1)
        raise RuntimeError("out of memory")
    client, first = client_and_run(store.local_uri(runs_dir), run_folder)
    assert first.info.status == "FAILED"

    with begin(run_folder, runs_dir) as tracker:
        tracker.log_dataset("log", "abc", runs_dir)
        tracker.log_metrics({"loss": 0.5}, 1)
        tracker.log_metrics({"loss": 0.25}, 2)
    client, second = client_and_run(store.local_uri(runs_dir), run_folder)
    assert second.info.run_id == first.info.run_id
    assert second.info.status == "FINISHED"
    assert curve(client, second, "loss") == [(0, 1.0), (1, 0.5), (2, 0.25)]
    assert len(second.inputs.dataset_inputs) == 1


def test_a_process_that_is_killed_as_the_run_begins_leaves_no_second_one(
    run_folder, runs_dir, monkeypatch
):
    """MLflow has the run, and its id was not written down."""

    class Killed(Exception):
        pass

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(record, "remember", killed)
        with pytest.raises(Killed):
            begin(run_folder, runs_dir)
    assert record.read(run_folder) == {}
    with begin(run_folder, runs_dir) as tracker:
        tracker.log_metrics({"loss": 1.0}, 0)
    client, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert [each.info.run_id for each in client.search_runs([run.info.experiment_id])] == [
        run.info.run_id
    ]
    assert curve(client, run, "loss") == [(0, 1.0)] and run.info.status == "FINISHED"


def test_a_run_deleted_from_the_store_starts_anew(run_folder, runs_dir):
    with begin(run_folder, runs_dir):
        pass
    client, first = client_and_run(store.local_uri(runs_dir), run_folder)
    client.delete_run(first.info.run_id)
    with begin(run_folder, runs_dir):
        pass
    assert record.read(run_folder)[record.LOCAL] != first.info.run_id


def test_termination_ends_the_run_as_killed(run_folder, runs_dir):
    with pytest.raises(SystemExit), begin(run_folder, runs_dir):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    _, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert run.info.status == "KILLED"


def test_system_metrics_are_sampled(run_folder, runs_dir):
    config = tracking.TrackingConfig(system_metrics_interval=0.2)
    with begin(run_folder, runs_dir, config):
        time.sleep(1.5)
    _, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert "system/cpu_utilization_percentage" in run.data.metrics


def test_switched_off_nothing_is_written(run_folder, runs_dir):
    with begin(run_folder, runs_dir, tracking.TrackingConfig(enabled=False)) as tracker:
        tracker.log_metrics({"loss": 1.0}, 0)
        tracker.flush()
    assert not run_folder.exists()


def test_a_store_that_cannot_be_opened_is_bad_input(run_folder, runs_dir, monkeypatch, tmp_path):
    (tmp_path / "not.db").write_text("this is no database, it only says so")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'not.db'}")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        begin(run_folder, runs_dir)


def test_a_damaged_record_is_bad_input(run_folder, runs_dir):
    run_folder.mkdir(parents=True)
    (run_folder / "mlflow.json").write_text("{")
    with pytest.raises(InputError, match=r"mlflow\.json is damaged"):
        begin(run_folder, runs_dir)


@pytest.mark.nightly
def test_the_registered_model_needs_none_of_our_code(run_folder, runs_dir, saved_model, tmp_path):
    with begin(run_folder, runs_dir) as tracker:
        tracker.log_model(saved_model, EXAMPLE)
        tracker.log_model(saved_model, EXAMPLE)
    uri = store.local_uri(runs_dir)
    client, run = client_and_run(uri, run_folder)
    versions = client.search_model_versions("name = 'tiny-42'")
    assert [(v.version, v.run_id) for v in versions] == [(1, run.info.run_id)]
    requirements = next((runs_dir / "mlartifacts").rglob("requirements.txt")).read_text()
    assert [line.partition("==")[0] for line in requirements.split()] == ["mlflow", "tensorflow"]

    answer = json.loads(_load_registered(uri, "models:/tiny-42/1", tmp_path))
    assert answer["full"] == {
        "item_id": [["zoë", "crème"], ["4.000000", "crème"]],
        "score": [[6.5, 5.5], [2.0, 1.0]],
    }
    assert answer["least"]["item_id"] == [["nobody", "crème"], ["nobody", "crème"]]
    assert answer["without"]["item_id"] == [["xy", "crème"]]
    assert [row[0] for row in answer["filtered"]["item_id"]] == [
        "tea rye 2.0 nan", "  nan nan", "  1.5 3.0",
    ]  # fmt: skip
    required = {column["name"]: column["required"] for column in answer["inputs"]}
    assert required == dict.fromkeys(EXAMPLE, False) | {"exclude": False, "history": True}


def test_what_is_said_of_events_belongs_to_them():
    from recsys.tracking.pyfunc_model import _of_events

    histories = [["a"], ["b", "c"], None]
    times = _of_events("history_time", [[5], None, []], histories, np.int64)
    assert times.tolist() == [[5, 0], [0, 0], [0, 0]]
    what = _of_events("what", [["view"], ["buy", None], []], histories, object)
    assert what.tolist() == [["view", ""], ["buy", ""], ["", ""]]
    price = _of_events("price", [[1.5], [2.0, None], None], histories, np.float32)
    assert price.dtype == np.float32
    np.testing.assert_array_equal(price, [[1.5, np.nan], [2.0, np.nan], [np.nan, np.nan]])
    with pytest.raises(ValueError, match=r"in price as in history \(2\) or none, received 1"):
        _of_events("price", [[5.0]], [["a", "b"]], np.float32)


def test_a_range_has_two_ends():
    from recsys.tracking.pyfunc_model import _ranges

    found = _ranges("size", [[1, None], None, (2.0, 3.5)])
    np.testing.assert_array_equal(found, np.float32([[1, np.nan], [np.nan, np.nan], [2, 3.5]]))
    with pytest.raises(ValueError, match="the least and the largest number in size"):
        _ranges("size", [[1.0]])


@pytest.fixture
def artefact(saved_model, tmp_path):
    return shutil.copytree(saved_model, tmp_path / "artefact")


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink()])
@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", manifest.FILE])
def test_a_registered_model_that_is_damaged_is_not_loaded(artefact, name, damage):
    from recsys.tracking.pyfunc_model import verified_manifest

    assert verified_manifest(artefact)["model"]["event_inputs"]
    damage(artefact / name)
    with pytest.raises((ValueError, FileNotFoundError), match=Path(name).name):
        verified_manifest(artefact)


def test_a_registered_model_is_signed_where_a_key_asks_for_it(
    artefact, tmp_path, monkeypatch, caplog
):
    from recsys.tracking import pyfunc_model

    assert (pyfunc_model.MANIFEST, pyfunc_model.SIGNATURE) == (manifest.FILE, signature.FILE)
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    caplog.set_level(logging.INFO, "mlflow.recsys")
    (private, public), (_, other) = key_pair(tmp_path / "a"), key_pair(tmp_path / "b")
    monkeypatch.setenv("RECSYS_VERIFY_KEY", str(public))
    with pytest.raises(ValueError, match="is not signed"):
        pyfunc_model.verified_manifest(artefact)
    signature.sign(artefact, private.read_text())
    pyfunc_model.verified_manifest(artefact)
    assert f"signed with the key of {public}" in caplog.text
    monkeypatch.setenv("RECSYS_VERIFY_KEY", str(other))
    with pytest.raises(ValueError, match=r"model\.sig does not hold .*Key mismatch"):
        pyfunc_model.verified_manifest(artefact)


def _load_registered(uri, model, folder):
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return subprocess.run(
        [sys.executable, "-c", LOAD_REGISTERED, uri, model],
        **{"check": True, "text": True, "stdout": subprocess.PIPE, "cwd": folder},
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "2", "MLFLOW_DISABLE_TELEMETRY": "true"},
    ).stdout.splitlines()[-1]


@pytest.mark.parametrize("kind", ["silent", "closed"])
def test_without_a_server_the_run_is_local_and_says_so(
    kind, request, run_folder, runs_dir, monkeypatch, caplog
):
    port = request.getfixturevalue(f"{kind}_port")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}")
    began = time.monotonic()
    with begin(run_folder, runs_dir) as tracker:
        tracker.log_metrics({"loss": 1.0}, 0)
    assert time.monotonic() - began < 60  # 5 for the probe; MLflow's own retries take over 100

    (message,) = [entry.getMessage() for entry in caplog.records if "server" in entry.getMessage()]
    assert f"recsys upload {run_folder}" in message
    assert "secret" not in message
    _, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert run.info.status == "FINISHED"
    assert os.environ["MLFLOW_TRACKING_URI"].endswith(str(port))
    monkeypatch.setattr(store, "PROBE_SECONDS", 0.5)
    with pytest.raises(InputError, match="does not answer"):
        tracking.upload(run_folder, runs_dir)


@pytest.mark.nightly
def test_upload_sends_everything_once(run_folder, runs_dir, saved_model, monkeypatch, server):
    with begin(run_folder, runs_dir) as tracker:
        for epoch in range(3):
            tracker.log_metrics({"loss": 1.0 / (epoch + 1)}, epoch)
        tracker.log_dataset("log", "abc", runs_dir)
        tracker.log_model(saved_model, EXAMPLE)
    local_client, local = client_and_run(store.local_uri(runs_dir), run_folder)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert server in tracking.upload(run_folder, runs_dir)
    client, sent = client_and_run(server, run_folder, server)
    assert sent.data.params == local.data.params
    assert sent.data.tags["seed"] == "42"
    assert (sent.info.status, sent.info.end_time) == ("FINISHED", local.info.end_time)
    history = client.get_metric_history(sent.info.run_id, "loss")
    expected = local_client.get_metric_history(local.info.run_id, "loss")
    assert [(m.step, m.value, m.timestamp) for m in history] == [
        (m.step, m.value, m.timestamp) for m in expected
    ]
    assert [file.path for file in client.list_artifacts(sent.info.run_id)] == ["experiment.yaml"]

    # Again, also after the record was lost: the same run, nothing twice.
    record.remember(run_folder, server, "0" * 32)
    tracking.upload(run_folder, runs_dir)
    client, again = client_and_run(server, run_folder, server)
    assert again.info.run_id == sent.info.run_id
    assert curve(client, again, "loss") == curve(client, sent, "loss")
    assert len(client.search_model_versions("name = 'tiny-42'")) == 1

    # A model that was changed in the store is not registered elsewhere.
    (graph,) = (runs_dir / "mlartifacts").rglob("saved_model.pb")
    flip(graph)
    with pytest.raises(InputError, match=r"is damaged .*mlflow\.json"):
        tracking.upload(run_folder, runs_dir)
    assert len(client.search_model_versions("name = 'tiny-42'")) == 1


@pytest.mark.nightly
def test_a_server_asks_who_it_is(run_folder, runs_dir, monkeypatch, protected, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", protected)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "not this one")
    with begin(run_folder, runs_dir) as tracker:
        tracker.log_metrics({"loss": 1.0}, 0)
    assert "asks for a user name and a password" in caplog.text
    assert "MLFLOW_TRACKING_PASSWORD" in caplog.text and "not this one" not in caplog.text
    _, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert run.info.status == "FINISHED"
    with pytest.raises(InputError, match="asks for a user name and a password"):
        tracking.upload(run_folder, runs_dir)

    # Anyone who may only read is told so.
    from mlflow.server import get_app_client
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    get_app_client("basic-auth", protected).create_user("reader", PASSWORD)
    MlflowClient(protected).create_experiment("of the administrator")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    caplog.clear()
    config = CONFIG.model_copy(update={"experiment": "of the administrator"})
    with begin(run_folder, runs_dir, config):
        pass
    assert "does not let the user reader do that" in caplog.text


def test_a_server_that_dies_midway_does_not_stop_the_run(
    run_folder, runs_dir, monkeypatch, server, caplog
):
    proxy = Proxy(int(server.rpartition(":")[2]))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.address)
    with begin(run_folder, runs_dir) as tracker:
        tracker.log_metrics({"loss": 1.0}, 0)
        tracker.flush()
        proxy.stop()
        tracker.log_metrics({"loss": 0.5}, 1)
        tracker.flush()
    assert "stopped answering" in caplog.text
    client, run = client_and_run(store.local_uri(runs_dir), run_folder)
    assert run.info.status == "FINISHED"
    assert run.data.params["model.dim"] == "8"
    assert curve(client, run, "loss") == [(0, 1.0), (1, 0.5)]

    # The upload completes the run that the server already has.
    proxy.start()
    remote_id = record.read(run_folder)[proxy.address]
    tracking.upload(run_folder, runs_dir)
    client, sent = client_and_run(proxy.address, run_folder, proxy.address)
    assert sent.info.run_id == remote_id
    assert sent.info.status == "FINISHED"
    assert curve(client, sent, "loss") == [(0, 1.0), (1, 0.5)]
    proxy.stop()


def test_upload_without_an_address_or_a_run_is_bad_input(run_folder, runs_dir, monkeypatch):
    with pytest.raises(InputError, match="set MLFLOW_TRACKING_URI"):
        tracking.upload(run_folder, runs_dir)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(InputError, match="no run in the local MLflow store"):
        tracking.upload(run_folder, runs_dir)


@pytest.mark.nightly
def test_runs_that_start_together_make_one_store_without_noise(tmp_path):
    program = """
import sys
from pathlib import Path
from recsys import tracking
runs, seed = Path(sys.argv[1]), sys.argv[2]
with tracking.start(tracking.TrackingConfig(), runs / seed, runs, seed, {}) as tracker:
    tracker.log_metrics({"loss": 1.0}, 0)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path, seed],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "cwd": REPOSITORY},
        )
        for seed in "12"
    ]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert said == [b"", b""]
    for seed in "12":
        _, run = client_and_run(store.local_uri(tmp_path), tmp_path / seed)
        assert run.data.metrics == {"loss": 1.0}
    assert {path.name for path in tmp_path.iterdir()} == {
        *("mlflow.db", "mlartifacts", ".mlflow.db.lock", "1", "2")
    }


def test_importing_tracking_is_light():
    program = (
        "import sys, recsys.tracking; print([m for m in ('mlflow', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "[]"


def test_a_store_that_cannot_be_opened_is_told_without_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuchdb://me:hunter2@db/mlflow")
    with pytest.raises(InputError, match=r"the MLflow store nosuchdb://db/mlflow cannot") as error:
        tracking.start(tracking.TrackingConfig(), tmp_path / "run", tmp_path, "x", {})
    assert "hunter2" not in str(error.value)
