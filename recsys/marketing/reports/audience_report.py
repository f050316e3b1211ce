"""What a page shows of audiences: how many they are, and how well look-alikes are found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recsys.marketing.reports import campaign_plots
from recsys.marketing.reports.documents import read_result
from recsys.marketing.reports.user_plots import SEGMENT_COLOURS
from recsys.reports.page import inline

KEYS = ("name", "users", "of", "opted_out", "minimum_size")


def saved_audiences(folders: Sequence[Path]) -> dict[str, Any]:
    """What a page shows of saved audiences (``audience.json``).

    Args:
        folders: ``<runs-dir>/audiences/<name>/<version>``.

    Raises:
        InputError: a document is missing or damaged.
    """
    documents = [read_result(folder / "audience.json", keys=KEYS) for folder in folders]
    named = [
        (f"{document['name']}, version {folder.resolve().name}", document)
        for folder, document in zip(folders, documents, strict=True)
    ]
    return audiences(named)


def audiences(named: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """A table of counts, and what is known of look-alikes.

    Args:
        named: each with its counts: ``users``, ``of``, ``opted_out``, ``minimum_size``, and
            ``segments`` (None: kept back) and ``seed_holdout`` where there are any.

    Returns:
        ``rows``, ``segments`` (names of the columns), ``kept_back`` (whether any is) and
        ``lookalikes``.
    """
    there = {segment for _, document in named for segment in document.get("segments", {})}
    known = [segment for segment in SEGMENT_COLOURS if segment in there]
    return {
        "rows": [
            {
                "name": name,
                "users": document["users"],
                "of": document["of"],
                "opted_out": document["opted_out"],
                "minimum_size": document["minimum_size"],
                "segments": document.get("segments", {}),
            }
            for name, document in named
        ],
        "segments": known + sorted(there - set(known)),
        "kept_back": any(
            users is None for _, each in named for users in each.get("segments", {}).values()
        ),
        "lookalikes": [
            {
                "name": name,
                "seed_holdout": document["seed_holdout"],
                "images": {"lifts": inline(_lifts(document["seed_holdout"]))},
            }
            for name, document in named
            if "seed_holdout" in document
        ],
    }


def _lifts(found: Mapping[str, Any]) -> Any:
    return campaign_plots.lifts(found["everyone"], found["described"])
