"""Wheels from the package index, for the data they carry."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from recsys.errors import InputError

PIP_TIMEOUT = 300.0


def download_wheel(requirement: str, sha256: str) -> bytes:
    """A wheel from the package index that pip is set up for, verified, not installed.

    Args:
        requirement: such as ``recbole==1.2.1``.
        sha256: of the wheel, hexadecimal.

    Raises:
        InputError: pip cannot download it, or its checksum differs.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", folder, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"pip download {requirement} took over {PIP_TIMEOUT} s") from error
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise InputError(f"pip download {requirement} failed: {said[-1] if said else ''}")
        content = wheels[0].read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(f"the wheel of {requirement} has SHA-256 {found}, expected {sha256}")
    return content
