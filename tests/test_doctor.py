"""The diagnosis, with quick stand-ins for the probes, and once for real."""

import json

import pytest

from recsys import doctor
from recsys.system import gpus

REAL_PROBES = dict(doctor.PROBES)


def probe_that_finds(gpus):
    devices = ["NVIDIA X"] * gpus or ["CPU"]
    return f"import json; print(json.dumps({dict(devices=devices, gpus=gpus, notes={})!r}))"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("tensorflow", "jax", "tensorflow_recommenders"):
        monkeypatch.setitem(doctor.PROBES, name, probe_that_finds(0))
    monkeypatch.setenv("KERAS_BACKEND", "jax")


def check(name, **arguments):
    (found,) = [c for c in doctor.diagnose(**arguments) if c.name == name]
    return found


def test_a_machine_without_a_gpu_passes_unless_one_is_required(capsys):
    assert doctor.run() == 0
    assert "tensorflow-recommenders" in capsys.readouterr().out
    assert doctor.run(require_gpu=True) == 1
    assert "no GPU is visible" in capsys.readouterr().out


def test_the_chosen_backend_must_see_the_gpu(monkeypatch):
    monkeypatch.setitem(doctor.PROBES, "tensorflow", probe_that_finds(2))
    assert check("tensorflow devices", require_gpu=True).detail == "NVIDIA X, NVIDIA X"
    assert check("jax devices", require_gpu=True).status == "failed"
    monkeypatch.setitem(doctor.PROBES, "jax", probe_that_finds(1))
    assert check("jax devices", require_gpu=True).status == "ok"


def test_jax_is_recommended_for_training_on_a_gpu(monkeypatch):
    monkeypatch.setattr(gpus, "CARDS", ())
    assert check("backend").detail == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert check("backend").detail == "tensorflow"
    monkeypatch.setitem(doctor.PROBES, "tensorflow", probe_that_finds(1))
    assert "KERAS_BACKEND=jax is recommended" in check("backend").detail


def test_a_card_that_the_backend_does_not_see_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(gpus, "CARDS", (tmp_path,))
    found = check("backend")
    assert found.status == "warning" and "recsys[jax-cuda]" in found.detail
    monkeypatch.setitem(doctor.PROBES, "jax", probe_that_finds(1))
    assert check("backend").status == "ok"


def test_a_library_that_crashes_is_reported_by_its_last_word(monkeypatch):
    monkeypatch.setitem(doctor.PROBES, "jax", "raise ImportError('libcudart is missing')")
    found = check("jax devices")
    assert found.status == "failed"
    assert found.detail.endswith("ImportError: libcudart is missing")
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert check("jax devices").status == "warning"
    absent = "raise ModuleNotFoundError(\"No module named 'jax'\")"
    monkeypatch.setitem(doctor.PROBES, "jax", absent)
    found = check("jax devices")
    assert (found.status, found.detail) == ("ok", "not installed")


def test_the_backend_is_read_as_keras_reads_it(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert doctor.chosen_backend() == "tensorflow"
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    assert doctor.chosen_backend() == "torch"


def test_a_silent_mlflow_server_is_a_warning(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:1")
    found = check("MLflow store")
    assert found.status == "warning"
    assert "secret" not in found.detail


def test_the_real_probes_see_this_machine(monkeypatch):
    monkeypatch.setattr(doctor, "PROBES", REAL_PROBES)
    found = doctor.diagnose()
    assert not [c for c in found if c.status == "failed"]
    assert {"tensorflow devices", "jax devices", "export", "memory"} <= {c.name for c in found}
