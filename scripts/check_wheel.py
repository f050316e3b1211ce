"""Checks that the wheel works where nothing else is installed.

    python scripts/check_wheel.py scripts/wheel_example.sh
    python scripts/check_wheel.py --python 3.11 --python 3.13 --extra sweep example.py

Builds the wheel, looks for the files beside the code that must travel in it, and
installs it for each Python into an empty environment, from the package index and
without the lock: the newest versions that ``pyproject.toml`` lets in. There, in an
empty folder, the example runs: a ``.py`` file by that Python, any other by bash with
its commands first on the path. The exit status is 0 if every Python passed.
Needs uv (``make lint`` installs it) and the Pythons; 2 GB and a few minutes each.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
# Without an own folder of compiled code or caches, and not of the repository's.
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_CONSTRAINT")


def travelling_files() -> set[str]:
    """What lies in ``recsys/`` under version control, and so must be in the wheel."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "recsys"],
        **{"cwd": REPOSITORY, "check": True, "capture_output": True, "text": True},
    )
    return {line for line in listed.stdout.splitlines() if (REPOSITORY / line).is_file()}


def build(folder: Path) -> Path:
    """Builds the wheel through the source archive, as it would be published.

    Raises:
        SystemExit: a file is missing in it, or one is there that is not under version control.
    """
    subprocess.run([_uv(), "build", "--quiet", "--out-dir", folder, REPOSITORY], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.split("/")[0].endswith("info")}
    wanted = travelling_files()
    if missing := sorted(wanted - held):
        raise SystemExit(f"{wheel.name} lacks {', '.join(missing)}")
    if foreign := sorted(held - wanted):
        raise SystemExit(f"{wheel.name} holds what is not ours: {', '.join(foreign)}")
    return wheel


def passes(wheel: Path, version: str, extras: Sequence[str], example: Path, folder: Path) -> bool:
    """Whether an example runs where only the wheel is installed; prints its output if not."""
    environment, empty = folder / f"python{version}", folder / f"example{version}"
    requirement = f"recsys[{','.join(extras)}] @ {wheel.as_uri()}"
    empty.mkdir()
    began = time.monotonic()
    python = environment / "bin" / "python"
    for command in (
        [_uv(), "venv", "--quiet", "--no-project", "--python", version, environment],
        [_uv(), "pip", "install", "--quiet", "--python", python, requirement],
        [_uv(), "pip", "check", "--quiet", "--python", python],
    ):
        subprocess.run(command, cwd=empty, env=dict(_environment()), check=True)
    found = subprocess.run(
        [_uv(), "pip", "list", "--python", python, "--format", "freeze"],
        **{"check": True, "capture_output": True, "text": True},
    ).stdout.splitlines()
    installed = time.monotonic()
    runner = python if example.suffix == ".py" else "bash"
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [runner, example.resolve()],
        **{"cwd": empty, "env": dict(_environment()) | {"PATH": path}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    megabytes = sum(f.stat().st_size for f in environment.rglob("*") if f.is_file()) / 1e6
    print(
        f"Python {version}: {'passed' if done.returncode == 0 else 'FAILED'}; "
        f"{len(found)} packages, {megabytes:,.0f} MB with what was compiled; installed in "
        f"{installed - began:.0f} s, {example.name} in {time.monotonic() - installed:.0f} s",
        flush=True,
    )
    if done.returncode:
        print(done.stdout, "\n".join(found), sep="\n", flush=True)
    return done.returncode == 0


def _environment() -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in os.environ.items() if name not in NOT_INHERITED)


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv is not installed: make lint installs it")
    return found


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("example", type=Path, help="what to run, a .py or .sh file")
    parser.add_argument("--python", action="append", help=f"default: {', '.join(PYTHONS)}")
    parser.add_argument("--extra", action="append", default=[], help="default: none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB", flush=True)
        passed = [
            passes(wheel, version, arguments.extra, arguments.example, folder)
            for version in arguments.python or PYTHONS
        ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
