"""The exporting process ends with its parent."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recsys.export import export as module
from recsys.export.export import export_in_subprocess
from recsys.export.request import ExportRequest
from recsys.system.stopping import Stopped, stopped_by_signals

# Both hold the pipe that the test reads from: it ends when both have.
PARENT = """
import os, subprocess, sys
from recsys.export.lifeline import LIFELINE, lifeline
child = "import time; from recsys.export.lifeline import end_with_parent; "
child += "end_with_parent(); print('waits', flush=True); time.sleep(300)"
with lifeline() as pipe:
    process = subprocess.Popen(
        [sys.executable, "-c", child],
        env=os.environ | {LIFELINE: str(pipe)},
        pass_fds=[pipe],
        stdout=subprocess.PIPE,
    )
    print(process.stdout.readline(), flush=True)
    os.kill(os.getpid(), 9)
"""


def test_a_parent_that_is_killed_takes_it_along():
    done = subprocess.run(
        [sys.executable, "-c", PARENT],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == -9 and b"waits" in done.stdout


def test_a_parent_that_is_stopped_ends_it_and_leaves_nothing(tmp_path, monkeypatch):
    """With a program in place of the exporting one that would go on for minutes."""
    program, started = tmp_path / "program", tmp_path / "started"
    half = tmp_path / "model" / ".$$-1"
    program.write_text(f'#!/bin/sh\nmkdir -p "{half}/new"\necho $$ > "{started}"\nexec sleep 300\n')
    program.chmod(0o755)
    monkeypatch.setattr(module.sys, "executable", str(program))

    def stop() -> None:
        while not (started.is_file() and started.read_text().endswith("\n")):
            time.sleep(0.01)
        os.kill(os.getpid(), 15)

    request = ExportRequest(
        retriever=tmp_path, dataset=tmp_path, probes=tmp_path, model_folder=tmp_path / "model"
    )
    with stopped_by_signals(), pytest.raises(Stopped):
        threading.Thread(target=stop).start()
        export_in_subprocess(request)
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert list((tmp_path / "model").iterdir()) == []
