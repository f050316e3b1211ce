"""The lines of results as tables that people read, in Markdown."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]


def table(lines: Iterable[Line]) -> str:
    """Tables of lines of one device and commit: floors, trainings, steps, ranking, what failed."""
    lines = list(lines)
    good = [line | line["result"] for line in lines if "result" in line]
    products = next((line for line in good if line["row"] == "products"), None)
    parts = [
        _products(products),
        _trainings([line for line in good if "curve" in line]),
        _steps([line for line in good if "steps_per_second" in line], products),
        _counts([line for line in good if line["count"]]),
        _ranking([line for line in good if "users_per_second" in line]),
        _missing([line for line in lines if "result" not in line]),
        *(_trace(line) for line in good if "trace" in line),
    ]
    return "\n\n".join(part for part in parts if part)


def _products(line: Line | None) -> str:
    if line is None:
        return ""
    return (
        f"{line['device']}: matrix product {line['bfloat16_tflops']:.1f} TFLOP/s in bfloat16, "
        f"{line['float32_tflops']:.1f} in float32; memory {line['memory_gb_per_second']:,.0f} GB/s"
    )


def _trainings(lines: list[Line]) -> str:
    titles = (
        "training", "run", "first epoch, s", "worthy weights, s", "test, s", "an epoch, s",
        "programs (found), s", "validation", "test",
    )  # fmt: skip
    return _markdown(
        titles,
        [
            (
                line["row"],
                line["contender"],
                f"{line['seconds_to_first_epoch']:.1f}",
                _number(line["seconds_to_worthy"], ".1f"),
                f"{line['seconds_to_test']:.1f}",
                f"{line['seconds_of_an_epoch']:.2f}",
                _programs(line["programs"]),
                ", ".join(f"{name} {value:.4f}" for name, value in line["validation"].items()),
                ", ".join(
                    f"{name} {value:.4f}"
                    for name, value in line["test"].items()
                    if name in line["validation"]
                ),
            )
            for line in lines
        ],
    )


def _programs(programs: Mapping[str, Mapping[str, float]]) -> str:
    sums = {
        name: sum(part[name] for part in programs.values())
        for name in ("compiled", "found", "seconds")
    }
    return f"{sums['compiled']:.0f} ({sums['found']:.0f}), {sums['seconds']:.1f}"


def _steps(lines: list[Line], products: Line | None) -> str:
    ours: dict[tuple[str, str], Line] = {}
    for line in lines:
        if "device_alone_events_per_second" in line:
            ours.setdefault((line["row"], line["precision"]), line)
    rows = []
    for line in lines:
        mine = ours.get((line["row"], line["precision"]))
        tflops = None
        if mine is not None:
            tflops = mine["operations_per_event"] * line["events_per_second"] / 1e12
        rows.append(
            (
                line["row"],
                line["contender"] + " (fused attention)" * line.get("fused_attention", False),
                f"{line['events_per_second']:,}",
                _number(line.get("device_alone_events_per_second"), ","),
                _number(line.get("waiting_share"), ".1%"),
                _times(mine, line),
                _number(tflops, ".2f"),
                _number(products and tflops and tflops / _rate(line, products), ".1%"),
                _number(roofline_share(line, products), ".1%"),
                f"{line['warm_seconds']:.0f}",
            )
        )
    titles = (
        "steps", "contender", "events/s", "the device alone", "waiting", "ours is × of it",
        "TFLOP/s", "of the product", "of the roofline", "warm after, s",
    )  # fmt: skip
    return _markdown(titles, rows)


def _counts(lines: list[Line]) -> str:
    """What a step asks for: operations by hand and as it is written, bytes by XLA."""
    rows = [
        (
            line["row"],
            line["contender"],
            f"{line['events_per_step']:,.0f}",
            f"{line['operations_per_event'] / 1e6:.2f}",
            f"{line['products_step_gflops'] * 1e3 / line['events_per_step']:.2f}",
            f"{line['xla_step_gb'] * 1e6 / line['events_per_step']:.1f}",
            f"{line['sent_bytes_per_step']:,}",
        )
        for line in lines
    ]
    titles = (
        "counted", "contender", "events a step", "million operations an event",
        "of the program", "kB an event, at least", "bytes sent a step",
    )  # fmt: skip
    return _markdown(titles, rows)


def _times(mine: Line | None, line: Line) -> str:
    """How often what ours does in a second is what a peer does."""
    if mine is None or mine is line:
        return ""
    return f"{mine['events_per_second'] / line['events_per_second']:.2f}"


def _rate(line: Line, products: Line) -> float:
    """TFLOP/s of the matrix product in the precision of a line."""
    precision = "float32" if line["precision"] == "float32" else "bfloat16"
    return products[f"{precision}_tflops"]


def roofline_share(line: Line, products: Line | None) -> float | None:
    """What a step would take at least, over what it takes on the device alone.

    At least: the operations that the model asks for at the rate of the matrix product, or the
    bytes that XLA counts (the body of a loop once) at that of a pass over memory, whichever is
    longer.
    """
    if products is None or "xla_step_gb" not in line:
        return None
    operations = line["operations_per_event"] * line["events_per_step"] / 1e12
    moving = line["xla_step_gb"] / products["memory_gb_per_second"]
    least = max(operations / _rate(line, products), moving)
    return least / line["device_alone_step_seconds"]


def _ranking(lines: list[Line]) -> str:
    rows = [
        (
            line["row"],
            line["contender"],
            f"{line['users_per_second']:,}",
            _number(line.get("users_per_second_at_first"), ","),
        )
        for line in lines
    ]
    return _markdown(("ranking", "contender", "users/s", "the first time"), rows)


def _missing(lines: list[Line]) -> str:
    rows = [
        (line["row"], line["contender"], line.get("unavailable") or line["failed"])
        for line in lines
    ]
    return _markdown(("no result", "contender", "why"), rows)


def _trace(line: Line) -> str:
    return "\n".join(
        [f"{line['row']}, {line['contender']}, three calls:", "", "```", *line["trace"], "```"]
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _markdown(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    rows = [" | ".join(cell.replace("|", "/") for cell in row) for row in rows]
    if not rows:
        return ""
    titles = list(titles)
    return "\n".join(
        f"| {line} |" for line in (" | ".join(titles), " | ".join("---" for _ in titles), *rows)
    )


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The lines of a file of results.

    Raises:
        SystemExit: one of them is not whole.
    """
    found = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            raise SystemExit(f"{file}, line {number} is not JSON: remove it") from None
    return found


def main() -> None:
    """Prints the tables of a file of results, those of each device and commit apart."""
    lines = read_lines(Path(sys.argv[1]))
    runs = dict.fromkeys((line["device"], line["driver"], line["commit"]) for line in lines)
    for run in runs:
        mine = {
            (line["row"], line["contender"]): line
            for line in lines
            if (line["device"], line["driver"], line["commit"]) == run
        }
        print(f"{run[0]}, driver {run[1]}, commit {run[2]}\n\n{table(mine.values())}\n")


if __name__ == "__main__":
    main()
