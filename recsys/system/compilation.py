"""Programs that XLA compiles for JAX: kept on disk, and counted.

A program takes XLA seconds on a GPU, and a training of seconds needs several. What was compiled
once is read from a folder the next time, also by another process; the folder is that of the
environment variable ``RECSYS_CACHE``, by default one in the user's cache folder, and none if it is
``none``. JAX's own settings (``JAX_COMPILATION_CACHE_DIR``) come first.
"""

import hashlib
import logging
import os
import platform
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from recsys.system.processor import instructions

logger = logging.getLogger(__name__)

VARIABLE = "RECSYS_CACHE"
# Compiled programs of a training are some megabytes; the oldest make room.
LARGEST_BYTES = 2 * 2**30
# The functions whose programs are large: the training step; embedding and ranking.
TRAINING = "jit(_training_steps)"
PARTS = {"training": TRAINING, "ranking": "jit(predict_step)"}
COMPILED = "/jax/core/compile/backend_compile_duration"
FOUND = "/jax/compilation_cache/cache_hits"


@dataclass
class Programs:
    """How many programs were needed, by the name of the function, and how long that took.

    Attributes:
        compiled: programs that XLA compiled.
        found: those that lay in the cache.
        seconds: of compiling or reading them.
    """

    compiled: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)

    def __sub__(self, earlier: "Programs") -> "Programs":
        """What was needed since then."""
        return Programs(
            self.compiled - earlier.compiled,
            self.found - earlier.found,
            self.seconds - earlier.seconds,
        )

    def copy(self) -> "Programs":
        """What was needed until now."""
        return Programs(self.compiled.copy(), self.found.copy(), self.seconds.copy())

    def as_dict(self) -> dict[str, dict[str, float]]:
        """The sums, of each of :data:`PARTS` and of all other programs together.

        >>> found = Programs(Counter({TRAINING: 1, "jit(add)": 2}), Counter({TRAINING: 3}))
        >>> found.as_dict()["training"]
        {'compiled': 1, 'found': 3, 'seconds': 0.0}
        >>> found.as_dict()["others"]["compiled"]
        2
        """
        sums = {part: {"compiled": 0, "found": 0, "seconds": 0.0} for part in (*PARTS, "others")}
        for kept, counted in vars(self).items():
            for name, value in counted.items():
                part = next((part for part, known in PARTS.items() if known == name), "others")
                sums[part][kept] += value
        return sums


_needed = Programs()
_thread = threading.local()
_listens = False


def programs() -> Programs:
    """The programs that this process needed since :func:`start_compilation`."""
    return _needed.copy()


def start_compilation() -> None:
    """Lets JAX keep what it compiles, and counts it from now on; once is enough."""
    import jax

    global _listens
    if not _listens:
        jax.monitoring.register_event_listener(_found)
        jax.monitoring.register_event_duration_secs_listener(_compiled)
        _listens = True
    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = cache_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        logger.warning(
            "%s cannot be written: compiled programs are not kept, and the next run compiles them "
            "again. Name another folder, or none, in %s.",
            folder,
            VARIABLE,
        )
        return
    _make_room(folder, LARGEST_BYTES)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    # Whether there is a cache is decided at the first compilation, which may be over.
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    reset_cache()


def cache_folder() -> Path | None:
    """Where compiled programs of this kind of processor are kept; None: they are not."""
    named = os.environ.get(VARIABLE, "")
    if named.casefold() == "none":
        return None
    home = Path(named).expanduser() if named else Path.home() / ".cache" / "recsys" / "compiled"
    # A home folder may be shared by machines whose processors know other instructions.
    offered = " ".join(sorted(instructions())) or platform.processor()
    return home / f"{platform.machine()}-{hashlib.sha256(offered.encode()).hexdigest()[:8]}"


def _make_room(folder: Path, most_bytes: int) -> None:
    """Removes what was written longest ago, until the rest is no larger."""
    files = []
    for path in folder.rglob("*"):
        try:
            found = path.stat()
        except OSError:  # another process has removed it
            continue
        if path.is_file():
            files.append((found.st_mtime, found.st_size, path))
    left = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if left <= most_bytes:
            return
        path.unlink(missing_ok=True)
        left -= size


def _found(event: str, **_: object) -> None:
    if event == FOUND:
        _thread.found = True


def _compiled(event: str, seconds: float, *, fun_name: str = "", **_: object) -> None:
    """Heard in the thread that compiled, after :func:`_found` of the same program."""
    if event != COMPILED:
        return
    kept = _needed.found if getattr(_thread, "found", False) else _needed.compiled
    kept[fun_name] += 1
    _needed.seconds[fun_name] += seconds  # type: ignore[assignment]
    _thread.found = False
