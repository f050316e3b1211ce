"""The command line: parses, calls, prints.

Rooms are imported by the commands that need them, after the backend has been
started: `recsys --help` and `recsys data list` answer at once.
"""

# Each module adds its commands, which help lists in this order.
from recsys.cli import data, experiments, launch, results, recommend, artefacts, upkeep  # noqa: F401, I001
from recsys.cli.app import app
from recsys.cli.entry import main

__all__ = ["app", "main"]
