#!/usr/bin/env python3
"""Times ``import recsys`` in new processes, and names what it imports.

    python scripts/check_import.py

Prints the median seconds and the modules that are not Python's own. Exit status 1 if it takes more
than ``--most`` seconds (0.3), or imports a library that is heavy: a backend, pandas, MLflow and
the like are imported where they are first used.
"""

import argparse
import json
import statistics
import subprocess
import sys

HEAVY = (
    "duckdb", "ibis", "jax", "keras", "matplotlib", "mlflow", "numpy", "pandas", "pyarrow",
    "pydantic", "rich", "scipy", "sklearn", "tensorflow", "typer",
)  # fmt: skip
PROGRAM = """
import json, sys, time
began = time.perf_counter()
import recsys
seconds = time.perf_counter() - began
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def imported() -> tuple[float, list[str]]:
    """Seconds, and the packages that a new process has imported then."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    seconds, modules = json.loads(done.stdout)
    return seconds, modules


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=float, default=0.3, help="seconds")
    parser.add_argument("--times", type=int, default=5, help="processes to take the median of")
    arguments = parser.parse_args()
    found = [imported() for _ in range(arguments.times)]
    seconds = statistics.median(each for each, _ in found)
    modules = found[0][1]
    foreign = [name for name in modules if name not in sys.stdlib_module_names]
    heavy = [name for name in HEAVY if name in modules]
    print(f"import recsys: {seconds:.3f} s (median of {arguments.times}, at most {arguments.most})")
    print(f"modules not Python's own: {', '.join(foreign)}")
    if heavy:
        print(f"heavy, to be imported where they are used: {', '.join(heavy)}")
    return int(bool(heavy) or seconds > arguments.most)


if __name__ == "__main__":
    sys.exit(main())
