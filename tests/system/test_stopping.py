"""What a signal does to a command."""

import os
import signal
import sys
import time
from unittest import mock

import pytest

from recsys.cli import entry
from recsys.system import stopping
from recsys.system.stopping import Stopped, deferred, stopped_by_signals
from recsys.tracking.tracker import _status


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0)  # where Python hears of it


@pytest.mark.parametrize("number, status", [(2, 130), (15, 143), (1, 129)])
@pytest.mark.parametrize(
    "command, said",
    [
        ("run a.yaml", "stopped; the same command continues"),
        ("train a.yaml", "stopped; the same command continues"),
        ("sweep a.yaml", "stopped; the same command continues"),
        ("run a.yaml --overwrite", "stopped; the same command without --overwrite continues"),
        ("launch local a.yaml", "stopped; the same command continues"),
        ("launch slurm a.yaml --wait", "stopped; what was submitted goes on"),
        ("prepare a.yaml", "stopped; nothing was left behind"),
        ("campaign build a.yaml", "stopped; nothing was left behind"),
        ("recommend runs/a --history x", "stopped; nothing was left behind"),
        ("recommend runs/a --users all --out b", "stopped; the same command continues"),
        ("evaluate a.yaml", "stopped; the same command does it again, from the beginning"),
        ("upload runs/a/1", "stopped; the same command does it again, from the beginning"),
        ("serve runs/a", "stopped; the requests that had begun were answered"),
    ],
)
def test_a_command_says_what_becomes_of_it(capsys, number, status, command, said):
    before = signal.getsignal(number)
    with (
        mock.patch.object(entry, "app", lambda: send(number)),
        mock.patch.object(sys, "argv", ["recsys", *command.split()]),
        pytest.raises(SystemExit) as stopped,
    ):
        entry.main()
    assert stopped.value.code == status
    assert capsys.readouterr().err == f"{said}\n"
    assert signal.getsignal(number) is before


def test_what_a_library_makes_of_it_is_the_signal_still(capsys):
    """DuckDB turns an exception of a handler into one of its own."""

    def interrupted():
        try:
            send(signal.SIGTERM)
        except Stopped:
            raise RuntimeError("Query interrupted") from None

    with mock.patch.object(entry, "app", interrupted), pytest.raises(SystemExit) as stopped:
        entry.main()
    assert stopped.value.code == 143
    assert capsys.readouterr().err.startswith("stopped") and stopping.asked() is None


def test_an_ignored_signal_stays_ignored():
    """As nohup leaves SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals():
            send(signal.SIGHUP)
        assert stopping.asked() is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_work_may_ask_for_more_time_once():
    with stopped_by_signals():
        with deferred():
            send(signal.SIGTERM)
            assert stopping.asked() == signal.SIGTERM
            with pytest.raises(Stopped):
                send(signal.SIGINT)
        with pytest.raises(Stopped):
            stopping.check()
    stopping.check()


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_for_mlflow_a_run_that_was_stopped_has_not_failed(number):
    assert _status(Stopped(number)) == "KILLED"
    assert (_status(SystemExit(1)), _status(SystemExit(0))) == ("FAILED", "FINISHED")
