"""A replay in a few lines."""

from pathlib import Path

from recsys.marketing.audiences.suppression import suppression_notes
from recsys.marketing.formats import of_this_format
from recsys.marketing.realtime.replay import SUMMARY
from recsys.system.display import counted
from recsys.system.reading import read_json

MEND = "Replay again (`recsys replay`)"


def replay_summary(folder: Path) -> str:
    """What ``replay.json`` says, as text.

    Args:
        folder: of :func:`recsys.marketing.realtime.replay.replay`.
    """
    path = folder / SUMMARY
    of_this_format(read_json(path, MEND), path, MEND)
    found = read_json(path, MEND, ["stream", "latency_ms"])
    stream, latency = found["stream"], found["latency_ms"]
    lines = [
        f"{folder}: {counted(stream['events'], 'event')} from {stream['first']} to "
        f"{stream['last']}, {counted(stream['users'], 'user')} known"
    ]
    for reason, rows in stream["left_out"].items():
        lines.append(f"  left out: {counted(rows, 'row')} ({reason})")
    lines += [f"  {note}" for note in suppression_notes(found)]
    for name, fired in found["actions"].items():
        held_back = found["held_back"][name]
        out = found["opted_out"][name]
        opted_out = f", {out:,} for users who opted out" if out else ""
        lines.append(f"  {name}: {counted(fired, 'action')}, {held_back:,} held back{opted_out}")
    for name in ("answer", "event"):
        if (taken := latency[name]) is not None:
            lines.append(
                f"  an {name} takes {taken['p50']:.2f} ms at p50, {taken['p99']:.2f} ms at p99, "
                f"{taken['max']:.2f} ms at most ({taken['count']:,} times)"
            )
    lines.append(f"  {found['events_per_second']:,.0f} events per second")
    return "\n".join(lines)
