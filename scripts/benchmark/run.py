"""Times this framework against its peers: the same work, data and run, side by side.

    python scripts/benchmark/run.py [ROW …] --data FOLDER

All contenders of a row are warmed up, then take turns of a few seconds each; ratios
are of turns of the same round. FOLDER (or RECSYS_DATA) holds the folders that the
experiments read. Peers are installed into ``--environments`` when first needed, with
glibc's allocator tuned for all alike. Prints a table per row, and last one JSON line:
row → ratio to the fastest fair peer, to the fastest library, and to each contender.
"""

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from cases import GENERATED, MATRIX_PRODUCT, ROWS, Contender, Row
from environments import python_of

HERE = Path(__file__).parent
# Freed memory is kept instead of given back, which PyTorch on CPUs gains from.
MALLOC = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}


class Running:
    """A contender's process."""

    def __init__(self, contender: Contender, case: dict[str, Any], python: str, log: Path) -> None:
        self.contender = contender
        self.log = log
        self.rates: list[float] = []
        self.peak_gib = 0.0
        path = log.with_suffix(".json")
        path.write_text(json.dumps(case))
        environment = os.environ | MALLOC | case.get("environment_variables", {})
        environment |= {"PYTHONPATH": str(HERE.parents[1]), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [python, str(HERE / "contenders" / contender.script), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            env=environment,
            cwd=log.parent,  # libraries write beside themselves
            text=True,
            start_new_session=True,
        )

    def answer(self) -> str:
        """Its next line; empty if it has died."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def turn(self, seconds: float) -> None:
        """Lets it work for so many; notes what it does in a second.

        Raises:
            SystemExit: it has died.
        """
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{seconds}\n")
            self._process.stdin.flush()
        answer = self.answer()
        if not answer:
            raise SystemExit(f"{self.contender.name} died: {self.log.read_text()[-2000:]}")
        self.pause()
        found = json.loads(answer)
        self.rates.append(found["done"] / found["seconds"])
        self.peak_gib = found["peak_gib"]

    def pause(self) -> None:
        """Stops it and its workers until its next turn: idle threads may spin."""
        self._signal(signal.SIGSTOP)

    def stop(self) -> None:
        """Ends it."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@dataclass(frozen=True)
class Measured:
    """What a contender did: its rate in each round, and the most memory that it ever had."""

    rates: list[float]
    peak_gib: float


def measure(
    row: Row, rounds: int, seconds: float, environments: Path, folder: Path
) -> dict[str, Measured]:
    """What each contender does, a turn per round; one that fails is named and left out."""
    from arrays import arrays_of, generated_log  # imports what trains

    data = {}
    if row.data == GENERATED:
        data = generated_log(row.case["events"], folder)
    elif row.data:
        data = arrays_of(row.data, row.case.get("max_events", 50), row.case["dim"], folder)
    running = []
    for contender in row.contenders:
        print(f"{row.name}: warming {contender.name} up", file=sys.stderr, flush=True)
        case = {**data, **row.case, **contender.case, "threads": os.cpu_count()}
        log = folder / f"{row.name}-{contender.name.replace(' ', '-')}.log"
        process = Running(contender, case, python_of(contender.environment, environments), log)
        if process.answer() == "ready":
            process.pause()
            running.append(process)
        else:
            process.stop()
            lines = log.read_text().strip().splitlines()
            print(f"{contender.name} failed: {' / '.join(lines[-3:])}", file=sys.stderr)
    for _ in range(rounds):
        for process in running:
            process.turn(seconds)
    for process in running:
        process.stop()
    return {each.contender.name: Measured(each.rates, each.peak_gib) for each in running}


def summary(row: Row, measured: dict[str, Measured]) -> dict[str, Any]:
    """Ratios to ours, medians over rounds, and a printed table."""
    ours = measured[row.contenders[0].name].rates
    found: dict[str, Any] = {"peers": {}}
    best: dict[str, float] = {}
    print(f"\n{row.name} ({row.unit} a second, median, lowest to highest, peak memory)")
    for contender in row.contenders:
        if contender.name not in measured:
            continue
        theirs = measured[contender.name].rates
        peak = measured[contender.name].peak_gib
        line = (
            f"  {contender.name:18s} {contender.role:10s} {statistics.median(theirs):10,.0f}"
            f" {min(theirs):10,.0f} to {max(theirs):10,.0f} {peak:5.1f} GiB"
        )
        ratios = [mine / their for mine, their in zip(ours, theirs, strict=True)]
        if contender is MATRIX_PRODUCT:
            assert row.operations is not None
            share = statistics.median(ratios) * row.operations
            print(f"{line}   million operations; ours reaches {share:.2f} of it")
            found["share_of_matrix_product"] = round(share, 3)
            continue
        ratio = statistics.median(ratios)
        print(f"{line}   ours is {ratio:6.2f} times ({min(ratios):.2f} to {max(ratios):.2f})")
        found["peers"][contender.name] = {
            "ratio": round(ratio, 3),
            f"{row.unit}_per_second": round(statistics.median(theirs), 2),
            "peak_gib": round(peak, 2),
        }
        best[contender.role] = min(best.get(contender.role, ratio), ratio)
    for role, key in (("fair peer", "fastest_fair_peer"), ("library", "fastest_library")):
        found[key] = round(best[role], 3) if role in best else None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default: all"
    )
    parser.add_argument("--data", default=os.environ.get("RECSYS_DATA"), help="folder of the logs")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a turn, at least")
    parser.add_argument(
        "--environments", type=Path, default=Path("~/.cache/recsys-benchmark").expanduser()
    )
    arguments = parser.parse_args()
    unknown = [row for row in arguments.rows if row not in ROWS]
    if unknown or not arguments.data:
        parser.error(
            f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}"
            if unknown
            else "--data FOLDER is needed, or RECSYS_DATA"
        )
    os.environ["RECSYS_DATA"] = arguments.data
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.rows or ROWS:
            row = ROWS[name]
            measured = measure(
                row, arguments.rounds, arguments.seconds, arguments.environments, Path(folder)
            )
            found[name] = summary(row, measured)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
