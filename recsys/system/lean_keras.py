"""Imports Keras without what it brings for functions that nothing here calls.

Keras imports scikit-learn, matplotlib and IPython where they are installed, for its wrappers and
figures. ``import keras`` took 14.0 CPU seconds with them and 8.0 without on TensorFlow, 10.4 and
4.8 on JAX (Keras 3.15, an AMD EPYC with AVX2 alone beside other work, 2026-11-29).

Run as a program (``python -m recsys.system.lean_keras MODULE …``) it does so, and goes on as
``python -m MODULE …`` would.
"""

import contextlib
import runpy
import sys
from collections.abc import Iterator

NEEDLESS = ("sklearn", "matplotlib", "IPython")


@contextlib.contextmanager
def lean_keras() -> Iterator[None]:
    """Within it, Keras is imported without them; afterwards they are imported as ever.

    ``keras.wrappers`` and ``keras.visualization`` say for the rest of the process that the
    packages are missing, so it is for processes in which nobody else uses Keras.
    """
    hidden = [name for name in NEEDLESS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: cannot be imported
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name) is None:
                sys.modules.pop(name, None)


if __name__ == "__main__":
    with lean_keras():
        import keras  # noqa: F401
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
