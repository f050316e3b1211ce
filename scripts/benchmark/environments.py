"""An environment for each peer, made when it is first needed."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = {
    "torch": ["torch==2.13.0", "numpy==2.4.6"],
    "rectools": ["torch==2.13.0", "rectools[torch]==0.19.0"],
    "recbole": ["torch==2.13.0", "recbole==1.2.1", "setuptools<81", "pandas<3", "numpy<2"],
}


def python_of(environment: str, folder: Path) -> str:
    """The interpreter of an environment; ``ours`` is this one's.

    Args:
        environment: ``ours`` or a key of :data:`REQUIREMENTS`.
        folder: where environments lie, one per list of requirements.

    Raises:
        subprocess.CalledProcessError: it could not be installed.
    """
    if environment == "ours":
        return sys.executable
    requirements = REQUIREMENTS[environment]
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:8]
    path = folder / f"{environment}-{digest}"
    python = path / "bin" / "python"
    if not (path / "installed").exists():
        print(f"installing {environment}: {', '.join(requirements)}", file=sys.stderr)
        venv.create(path, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(install, check=True)
        (path / "installed").touch()
    return str(python)
