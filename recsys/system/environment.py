"""What is installed around the package, and what stands in the repository that it is used in."""

import hashlib
import platform
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from recsys.system.redaction import redact
from recsys.system.source import CHANGED, git

# Of changes that are not committed; larger ones are data or notebooks' output.
LARGEST_DIFF = 2**20


def environment(folder: Path) -> dict[str, Any]:
    """This process's surroundings.

    Args:
        folder: that it works in.

    Returns:
        ``python`` (its version), ``packages`` (name to version of every distribution that can be
        imported), ``digest`` of both, and ``commit`` of the repository that the folder lies in,
        with ``+changes`` where files that it knows were changed; None where there is none.
    """
    python, packages = platform.python_version(), dict(sorted(_packages().items()))
    lines = [f"{name}=={version}" for name, version in {"python": python, **packages}.items()]
    text = "\n".join(lines)
    return {
        "python": python,
        "packages": packages,
        "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
        "commit": _commit(folder),
    }


def uncommitted(folder: Path) -> str | None:
    """What was changed since the last commit of a folder's repository, without secrets.

    Args:
        folder: within the repository.

    Returns:
        Git's diff of the files that it knows; None: nothing was changed, there is no repository,
        or the diff is larger than a MiB.
    """
    diff = git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff")
    if not diff or len(diff) > LARGEST_DIFF:
        return None
    return redact(diff) + "\n"


def _packages() -> dict[str, str]:
    return {
        name.lower().replace("_", "-"): each.version
        for each in distributions()
        if (name := each.metadata["Name"])
    }


def _commit(folder: Path) -> str | None:
    commit = git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    # Where git does not answer, nobody knows that nothing was changed.
    is_clean = git(folder, "status", "--porcelain", "--untracked-files=no") == ""
    return commit + ("" if is_clean else CHANGED)
