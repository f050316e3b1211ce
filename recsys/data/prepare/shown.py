"""A dataset as it shows itself: how much there is, how it was split, and what was left out."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import get_args

from recsys.data.feature import Feature, Side
from recsys.data.manifest import PARTS, Manifest
from recsys.data.prepare.findings import findings
from recsys.system.display import counted

COLUMNS = ("events", "users", "items", "days")
# Of a split, what says when or how much.
SETTINGS = ("validation_from", "test_from", "validation_quantile", "test_quantile",
            "validation_share", "test_share", "seed")  # fmt: skip


def as_text(manifest: Manifest, folder: Path) -> str:
    """The dataset in a few lines.

    Args:
        manifest: of the dataset.
        folder: where it is.
    """
    rows = [("", *COLUMNS), *_parts(manifest)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ("<", ">", ">", ">", "<")
    lines = [f"Dataset {manifest.fingerprint}: {_size(manifest)}"]
    for row in rows:
        cells = zip(row, sides, widths, strict=True)
        lines.append("  " + "  ".join(f"{c:{side}{width}}" for c, side, width in cells).rstrip())
    return "\n".join([*lines, *(f"  {line}" for line in _notes(manifest, folder))])


def as_html(manifest: Manifest, folder: Path) -> str:
    """The same as a fragment of HTML, for a notebook."""
    head = "".join(f"<th>{name}</th>" for name in ("", *COLUMNS))
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in _parts(manifest)
    )
    notes = "".join(f"<li>{escape(line)}</li>" for line in _notes(manifest, folder))
    return (
        f"<div><strong>Dataset {escape(manifest.fingerprint)}</strong>: "
        f"{escape(_size(manifest))}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
        f"</table><ul>{notes}</ul></div>"
    )


def _size(manifest: Manifest) -> str:
    items = counted(manifest.items, "item") if manifest.has_items else "no items"
    return f"{counted(manifest.events, 'event')}, {counted(manifest.users, 'user')}, {items}"


def _parts(manifest: Manifest) -> list[tuple[str, ...]]:
    """Of each part its name, how much there is of it, and the days that it is of."""
    spans, found = manifest.split.get("span") or {}, []
    for part in PARTS:
        counts = [manifest.part_events[part]]
        counts += [manifest.split.get(what, {}).get(part, 0) for what in ("users", "items")]
        span = spans.get(part, {})
        days = f"{span['first'][:10]} to {span['last'][:10]}" if span.get("first") else ""
        found.append((part, *(f"{count:,}" for count in counts), days))
    return found


def _notes(manifest: Manifest, folder: Path) -> list[str]:
    split = manifest.settings.get("split", {})
    how = [f"{key} {split[key]}" for key in SETTINGS if split.get(key) is not None]
    told = f" ({', '.join(how)})" if how else ""
    notes = [f"split: {split['kind']}{told}"] if "kind" in split else []
    for side in get_args(Side):
        if features := manifest.features(side):
            notes.append(f"{side} features: {_listed(features)}")
    return notes + (findings(manifest, folder / "quarantine.parquet") if manifest.quality else [])


def _listed(features: Sequence[Feature]) -> str:
    return ", ".join(f"{feature.name} ({feature.kind})" for feature in features)
