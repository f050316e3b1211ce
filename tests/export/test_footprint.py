"""What a SavedModel takes is measured of a process that holds nothing else."""

import os
import subprocess
import sys

import psutil
import pytest

from recsys.errors import ExportError
from recsys.export import footprint as module
from recsys.export.footprint import Footprint
from recsys.export.footprint_process import _percentile


def test_it_is_in_the_manifest(exports):
    found = exports["lstm"].manifest["gate"]["footprint"]
    assert found["calls"] == 40 and found["cpus"] >= 1
    assert 0 < found["latency_p50_ms"] <= found["latency_p99_ms"]
    assert found["peak_memory_bytes"] > found["tensorflow_bytes"] > 50 * 2**20


def test_what_is_not_measured_is_not_there(exports):
    assert set(exports["timed"].manifest["gate"]["footprint"]) == {"size_bytes"}


def test_the_memory_of_the_starting_process_does_not_count():
    """This one holds TensorFlow, and `getrusage` would hand its peak on."""
    program = "from recsys.system.memory import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) < psutil.Process(os.getpid()).memory_info().rss / 2


def test_percentiles_are_values_that_were_measured():
    values = [float(each) for each in range(1, 101)]
    assert [_percentile(values, each) for each in (50, 99)] == [50.0, 99.0]
    assert [_percentile([1.0, 2.0, 3.0], each) for each in (50, 99)] == [2.0, 3.0]
    assert _percentile([7.0], 50) == 7.0


def test_a_process_that_fails_is_told(tmp_path, monkeypatch):
    (tmp_path / "saved_model.pb").write_bytes(b"12345")
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with Footprint(calls=1) as footprint, pytest.raises(ExportError, match="ended with status 1"):
        footprint.measure(tmp_path, [])
    with Footprint(calls=0) as footprint:
        assert footprint.measure(tmp_path, []) == {"size_bytes": 5}
