"""Which code runs: the commit that the package was checked out at."""

import re
import subprocess
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# Beside the package, in a copy of the code that is no checkout (scripts/benchmark/gpu/pack.py).
COMMIT_FILE = "COMMIT"
CHANGED = "+changes"
_COMMIT = re.compile(rf"[0-9a-f]{{7,40}}({re.escape(CHANGED)})?")


@cache
def commit() -> str | None:
    """The commit of the package's code, as it was when it was first asked for.

    Returns:
        Its digest, with ``+changes`` where something of the package is not committed; None where
        the package is installed, or there is no git to ask. A copy of the code has it from a file
        ``COMMIT`` beside the package.
    """
    return commit_of(PACKAGE)


def commit_of(package: Path) -> str | None:
    """The commit of a package's folder; see :func:`commit`.

    Args:
        package: the folder.
    """
    # An environment may lie within somebody else's repository, which knows nothing of the package.
    if git(package, "ls-files", "--error-unmatch", "__init__.py") is not None:
        found = git(package, "rev-parse", "HEAD")
        # Where git does not answer, nobody knows that nothing was changed.
        is_clean = git(package, "status", "--porcelain", "--", ".") == ""
        return found and found + ("" if is_clean else CHANGED)
    file = package.parent / COMMIT_FILE
    if file.is_file() and _COMMIT.fullmatch(text := file.read_text(encoding="utf-8").strip()):
        return text
    return None


def git(folder: Path, *arguments: str) -> str | None:
    """What git says of a folder; None: it is not there, refuses, or takes too long.

    Args:
        folder: that it works in.
        arguments: of the command.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
